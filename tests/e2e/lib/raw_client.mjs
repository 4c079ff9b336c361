// A client that writes bytes as they are and reads answers strictly: for what no HTTP library would send or notice.
import { once } from 'node:events';
import net from 'node:net';
import { within } from './wait.mjs';

export class RawClient {
  static async connect(port, options = {}) {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true, ...options });
    await within('a connection', once(socket, 'connect'));
    return new RawClient(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.ended = false;  // the other side will send no more
    this.wasReset = false;
    this.waiters = [];
    const wake = () => this.waiters.splice(0).forEach((resolve) => resolve());
    socket.on('data', (piece) => {
      this.buffer = Buffer.concat([this.buffer, piece]);
      wake();
    });
    socket.on('end', () => { this.ended = true; wake(); });
    socket.on('error', () => { this.ended = this.wasReset = true; wake(); });
    socket.on('close', () => { this.ended = true; wake(); });
  }

  send(bytes) {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  endSending() {
    this.socket.end();
    return this;
  }

  close() { this.socket.destroy(); }
  reset() { this.socket.resetAndDestroy(); }

  // Waits for more bytes; false at the end.
  async #more() {
    if (this.ended) return false;
    await within('bytes from the gateway', new Promise((resolve) => this.waiters.push(resolve)));
    return true;
  }

  async #take(length) {
    while (this.buffer.length < length) {
      if (!(await this.#more())) throw new Error(`the connection ended after ${this.buffer.length} of ${length} bytes`);
    }
    const bytes = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(length);
    return bytes;
  }

  async #line() {
    for (;;) {
      const at = this.buffer.indexOf('\r\n');
      if (at >= 0) {
        const line = this.buffer.subarray(0, at).toString('latin1');
        this.buffer = this.buffer.subarray(at + 2);
        return line;
      }
      if (!(await this.#more())) throw new Error(`the connection ended in a line: ${JSON.stringify(this.buffer.toString('latin1'))}`);
    }
  }

  async #fields() {
    const headers = [];
    for (let line; (line = await this.#line()) !== '';) {
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
      if (!match) throw new Error(`not a header line: ${JSON.stringify(line)}`);
      headers.push([match[1].toLowerCase(), match[2]]);
    }
    return headers;
  }

  async #chunks() {
    const pieces = [];
    for (;;) {
      const size = parseInt(await this.#line(), 16);
      if (Number.isNaN(size)) throw new Error('not a chunk size');
      if (size === 0) return { body: Buffer.concat(pieces), trailers: await this.#fields() };
      pieces.push(await this.#take(size));
      if ((await this.#line()) !== '') throw new Error('no line end after a chunk');
    }
  }

  // The next answer, interim ones too. `to`: the method of the request, which decides about the body.
  async answer(to = 'GET') {
    const start = await this.#line();
    const match = /^HTTP\/1\.([01]) (\d{3}) /.exec(`${start} `);
    if (!match) throw new Error(`not a status line: ${JSON.stringify(start)}`);
    const status = Number(match[2]);
    const headers = await this.#fields();
    const get = (name) => headers.filter(([n]) => n === name).map(([, v]) => v).join(', ') || undefined;
    let body = Buffer.alloc(0);
    let trailers = [];
    if (to !== 'HEAD' && status >= 200 && status !== 204 && status !== 304) {
      if (get('transfer-encoding') === 'chunked') {
        ({ body, trailers } = await this.#chunks());
      } else if (get('content-length') !== undefined) {
        body = await this.#take(Number(get('content-length')));
      } else {
        while (await this.#more());
        body = this.buffer;
        this.buffer = Buffer.alloc(0);
      }
    }
    return { status, minor: Number(match[1]), headers, get, body, text: body.toString('utf8'), trailers };
  }

  // Everything until the gateway closes.
  async rest() {
    while (await this.#more());
    return this.buffer;
  }

  // Waits until at least this many unread bytes are there; false if the connection ends first.
  async has(length) {
    while (this.buffer.length < length) if (!(await this.#more())) return false;
    return true;
  }

  // True once the gateway has closed its side and sent nothing beyond what was read.
  async isClosed() {
    const rest = await this.rest();
    if (rest.length) throw new Error(`unexpected bytes before the close: ${JSON.stringify(rest.toString('latin1'))}`);
    return true;
  }
}

// One exchange of bytes on a connection of its own.
export async function exchange(port, bytes, method = 'GET') {
  const client = await RawClient.connect(port);
  try {
    client.send(bytes);
    return await client.answer(method);
  } finally {
    client.close();
  }
}
