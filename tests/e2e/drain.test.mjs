// The end of the process: SIGTERM, readiness, what is in flight, the second signal.
import net from 'node:net';
import { assert, gatewayTest } from './lib/test.mjs';
import { sleep, until, within } from './lib/wait.mjs';

const refused = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('connect', () => { socket.destroy(); resolve(false); });
  socket.on('error', () => resolve(true));
});

gatewayTest('SIGTERM: what is in flight is finished with Connection: close, then exit 0', async ({ service, gateway, client }) => {
  const waiting = [];
  const api = await service((req, res) => {
    if (req.url === '/api/quick') return res.end('quick');
    res.write('begun, ');
    return waiting.push(res);
  });
  const g = await gateway({ drain: '10s', services: { api: api.url } });
  const idle = await client(g);
  idle.send('GET /api/quick HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await idle.answer()).text, 'quick');
  const unbegun = await client(g);   // its head is complete only after the signal
  unbegun.send('GET /api/quick HTTP/1.1\r\n');
  const streaming = await client(g);
  streaming.send('GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('the request at the service', () => waiting.length === 1);
  assert.ok(await streaming.has(30));
  g.signal('SIGTERM');
  await until('no more connections', () => refused(g.port));
  await idle.isClosed();
  assert.equal((await g.admin('/readyz')).status, 503);
  assert.equal((await g.admin('/healthz')).status, 200);
  unbegun.send('Host: a\r\n\r\n');
  const last = await unbegun.answer();
  assert.equal(last.text, 'quick');
  assert.equal(last.get('connection'), 'close');
  await unbegun.isClosed();
  await sleep(300);
  assert.equal(g.exit, undefined, 'it waits for what is in flight');
  waiting[0].end('and ended');
  assert.equal((await streaming.answer()).text, 'begun, and ended');
  await streaming.isClosed();
  assert.deepEqual(await within('the end', g.exited, 5000), { code: 0, signal: null });
});

gatewayTest('ready_grace: /readyz says 503 first, while requests are still served', async ({ service, gateway, request, agent }) => {
  const api = await service((req, res) => res.end('served'));
  const g = await gateway({ ready_grace: '5s', drain: '5s', services: { api: api.url } });
  const begun = Date.now();
  g.signal('SIGTERM');
  await until('/readyz to be 503', async () => (await g.admin('/readyz')).status === 503);
  const fresh = agent({ pipelining: 0 });
  for (let i = 0; i < 5; i += 1) assert.equal((await request(g, '/api/x', { dispatcher: fresh })).text, 'served');
  assert.ok(Date.now() - begun < 5000);
  assert.deepEqual(await within('the end', g.exited, 10_000), { code: 0, signal: null });
  assert.ok(Date.now() - begun >= 4950);
});

gatewayTest('drain bounds the wait', async ({ service, gateway, client }) => {
  const api = await service(() => {});
  const g = await gateway({ drain: '1s', services: { api: api.url } });
  const c = await client(g);
  c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('the request at the service', () => api.requests === 1);
  const begun = Date.now();
  g.signal('SIGTERM');
  assert.deepEqual(await within('the end', g.exited, 10_000), { code: 0, signal: null });
  const took = Date.now() - begun;
  assert.ok(took >= 950 && took < 6000, `${took} ms`);
  await c.rest();
});

gatewayTest('a second SIGTERM ends it at once', async ({ service, gateway, client }) => {
  const api = await service(() => {});
  const g = await gateway({ drain: '60s', services: { api: api.url } });
  const c = await client(g);
  c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('the request at the service', () => api.requests === 1);
  g.signal('SIGTERM');
  await until('no more connections', () => refused(g.port));
  const begun = Date.now();
  g.signal('SIGTERM');
  const exit = await within('the end', g.exited, 10_000);
  assert.ok(Date.now() - begun < 3000);
  assert.ok(exit.code !== null || exit.signal === 'SIGTERM');
  g.expectedExit = exit;
});
