// A crash: the next process goes on with what the one before knew, whoever else is down: keys of issuers, what is used up of
// limits, addresses of services, the last good configuration.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Gatehouse, temporaryFolder } from './lib/gatehouse.mjs';
import { haveKeys, identityTest } from './lib/identity.mjs';
import { Load } from './lib/load.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

// A supervisor: starts it again whenever it ends, until it is told to stop.
class Supervisor {
  constructor(config) {
    this.config = config;
    this.folder = temporaryFolder();
    this.starts = 0;
  }

  async start() {
    this.gateway = await Gatehouse.start(this.config, { folder: this.folder, ready: this.starts === 0 });
    this.config = { ...this.config, listen: { public: { port: this.gateway.port } } };
    this.starts += 1;
    this.gateway.exited.then(() => this.stopped || this.start());
    return this.gateway;
  }

  async kill() {
    const before = this.starts;
    this.gateway.kill();
    await until('the gateway to be started again', () => this.starts > before);
    await this.gateway.waitReady();
  }

  async stop() {
    this.stopped = true;
    await this.gateway.stop();
    fs.rmSync(this.folder, { recursive: true });
  }
}

identityTest('kill -9 under load, with the identity provider gone: valid tokens go on, and nobody gets his limit again', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const s = new Supervisor({
    auth: { issuer: id.url, audience: 'api' },
    limits: { default: '20/h', fleet: '100000/h' },
    services: { api: api.url },
  });
  t.later.push(() => { s.stopped = true; s.gateway.kill(); });
  await haveKeys(await s.start());
  const ann = await id.token({ aud: 'api', sub: 'ann' });
  const bob = await id.token({ aud: 'api', sub: 'bob' });
  const ask = async (token) => (await t.ask(s.gateway, '/api/x', { token })).status;
  for (let i = 0; i < 15; ++i) assert.equal(await ask(ann), 200);
  await until('limits and configuration to be kept', () => ['limits', 'configuration'].every((f) => fs.existsSync(path.join(s.folder, 'state', f))));
  await id.close();

  let refused = 0;
  const load = new Load(s.gateway.port, { parallel: 4, check: (a) => { refused += a.status === 401 ? 1 : 0; return a.status === 401 || a.status === 429 ? '' : String(a.status); } });
  await s.kill();
  await until('the load to be answered again', () => refused > 0);
  await load.stop();
  // Of a connection that the crash has ended there is no answer; every answer is an honest one.
  assert.deepEqual(load.wrong.filter((w) => !/ECONNREFUSED|ECONNRESET|other side closed|EPIPE|terminated/.test(w)), []);
  let more = 0;
  for (let i = 0; i < 9; ++i) more += (await ask(ann)) === 200 ? 1 : 0;
  assert.equal(more, 5, 'ann has 5 of 20 left');
  assert.equal(await ask(bob), 200, 'a token that this process sees for the first time');
  await s.stop();
}, { timeout: 60_000 });

gatewayTest('a start while the configuration has errors: the last good one, said loudly, until it is mended', async (t) => {
  const folder = temporaryFolder();
  const config = (body, more = {}) => ({ routes: [{ path: '/a', reply: { body } }], ...more });
  const first = await Gatehouse.start(config('first'), { folder });
  t.later.push(() => first.kill());
  const kept = path.join(folder, 'state/configuration');
  await until('it to be kept', () => fs.existsSync(kept));
  assert.equal(fs.statSync(kept).mode & 0o777, 0o600);
  first.kill();
  await first.exited;
  const next = (text) => Gatehouse.start({ listen: { public: { port: first.port } } }, { folder, text: (g) => {
    g.adminPort = first.adminPort;
    return text;
  } });
  const good = fs.readFileSync(first.file, 'utf8');

  // An unknown key, and two routes for the same: what the loader refuses, and what the compiler does.
  for (const broken of [good.replace('"routes"', '"rouets"'), good.replace('"routes": [', '"routes": [{"path": "/a", "reply": {"body": "x"}},')]) {
    assert.notEqual(broken, good);
    const g = await next(broken);
    t.later.push(() => g.kill());
    assert.equal((await t.request(g, '/a')).text, 'first');
    assert.match(g.stderr, /gatehouse\.yaml:\d+:\d+: /);
    assert.match(g.stderr, /the last good one is used until they are mended/);
    assert.equal((await g.admin('/readyz')).json().differs_from_disk, true);
    assert.equal(await g.metric('gatehouse_configuration_differs_from_disk'), 1);
    g.write(good.replace('first', 'second'));
    await until('the mended one to be in force', async () => (await t.request(g, '/a')).text === 'second');
    assert.equal((await g.admin('/readyz')).json().differs_from_disk, false);
    g.write(good);
    await until('the first one again', async () => (await t.request(g, '/a')).text === 'first');
    await until('that one to be kept', () => fs.readFileSync(kept, 'utf8').includes('first'));
    await g.stop();
  }

  // What is wrong is not the configuration: nobody speaks of the last good one.
  const taken = net.createServer().listen(first.port, '127.0.0.1');
  await once(taken, 'listening');
  const busy = await Gatehouse.start({}, { folder, text: () => undefined, ready: false });
  assert.equal((await busy.exited).code, 1);
  assert.doesNotMatch(busy.stderr, /last good/);
  taken.close();

  // Told to be strict, or with nothing good to go back to, it ends.
  fs.writeFileSync(first.file, good.replace('"routes"', '"rouets"'));
  const strict = await Gatehouse.start({}, { folder, text: () => undefined, args: ['--strict'], ready: false });
  assert.equal((await strict.exited).code, 1);
  fs.writeFileSync(kept, 'gatehouse configuration 1\ntorn');
  const torn = await Gatehouse.start({}, { folder, text: () => undefined, ready: false });
  assert.equal((await torn.exited).code, 1);
  assert.match(torn.stderr, /the last good configuration is ignored: it is damaged or cut off/);
  fs.rmSync(folder, { recursive: true });
}, { timeout: 60_000 });
