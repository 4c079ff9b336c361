// Steady traffic of keep-alive connections while something else happens; every answer's body is checked.
import { Agent } from 'undici';
import { sleep } from './wait.mjs';

export class Load {
  // `check(answer, id)` returns what is wrong with it, or nothing. `pause`: between two requests of one connection, so
  // that a machine with few cores is left some.
  constructor(port, { parallel = 4, target = (id) => `/api/${id}`, check, pause = 4, method = 'GET', body = undefined }) {
    Object.assign(this, { port, target, check, pause, method, body });
    this.agent = new Agent({ connections: parallel, connectTimeout: 20_000, headersTimeout: 30_000 });
    this.wrong = [];
    this.served = 0;
    this.failed = 0;
    this.next = 0;
    this.stopping = false;
    this.loops = Array.from({ length: parallel }, () => this.#loop());
  }

  async #loop() {
    while (!this.stopping) {
      const id = this.next;
      this.next += 1;
      try {
        const res = await this.agent.request({
          origin: `http://127.0.0.1:${this.port}`, path: this.target(id), method: this.method,
          body: this.body?.(id), headers: { 'x-load': String(id) },
        });
        const text = await res.body.text();
        const trouble = this.check({ status: res.statusCode, headers: res.headers, text }, id);
        if (trouble) this.#note(`${id}: ${trouble}`);
        else this.served += 1;
      } catch (error) {
        this.#note(`${id}: ${error.message}`);
      }
      await sleep(this.pause);
    }
  }

  #note(what) {
    this.failed += 1;
    if (this.wrong.length < 20) this.wrong.push(what);
  }

  // Ends it; what was under way is finished.
  async stop() {
    this.stopping = true;
    await Promise.all(this.loops);
    await this.agent.close();
    return this;
  }
}
