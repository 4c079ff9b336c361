// What the gateway refuses by itself: no route, wrong method, no such service in the configuration, saturation, access.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { kBinary, temporaryFolder } from './lib/gatehouse.mjs';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { freePort } from './lib/service.mjs';
import { until } from './lib/wait.mjs';
import test from 'node:test';

gatewayTest('no route is 404, a route but not for this method 405 with Allow', async ({ service, gateway, client, request }) => {
  const api = await service();
  const g = await gateway({
    services: { api: { url: api.url, path: 'none' } },
    routes: [
      { path: '/api/items', method: 'GET', to: 'api' },
      { path: '/api/items', method: ['PUT', 'DELETE'], to: 'api' },
    ],
  });
  assertProblem(await request(g, '/nothing/here'), 404, 'no_route');
  const wrong = await request(g, '/api/items', { method: 'POST', body: 'x' });
  assertProblem(wrong, 405, 'method_not_allowed');
  const allowed = wrong.headers.allow.split(', ').sort();
  assert.deepEqual(allowed, ['DELETE', 'GET', 'HEAD', 'PUT']);
  assert.equal((await request(g, '/api/items', { method: 'PUT', body: 'x' })).json().bytes, 1);
  const head = await request(g, '/api/items', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.text, '');

  // HEAD of what is refused: the same head without a body, and the connection serves the next request.
  const c = await client(g);
  c.send('HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n');
  assertProblem(await c.answer('HEAD'), 404, 'no_route', { head: true });
  assertProblem(await c.answer(), 404, 'no_route');
  assert.equal(api.requests, 2);
  const record = await g.logged('405', (r) => r.status === 405);
  assert.equal(record.reason, 'method_not_allowed');
  assert.equal(await g.metric('gatehouse_failures_total', { reason: 'no_route' }), 3);
});

test('a configuration with a service that there is none of does not load', () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'gatehouse.yaml');
  fs.writeFileSync(file, 'services:\n  users: http://127.0.0.1:1\nroutes:\n  - {path: /a, to: userz}\n');
  const run = spawnSync(kBinary, ['run', file], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /gatehouse\.yaml:4:\d+: .*userz.*users/s);
  fs.rmSync(folder, { recursive: true });
});

gatewayTest('max_in_flight: more get 503 with Retry-After, and are served again afterwards', async ({ service, gateway, agent, request }) => {
  const waiting = [];
  const api = await service((req, res) => {
    if (req.url === '/api/quick') return res.end('quick');
    return waiting.push(() => res.end(`slow ${req.url}`));
  });
  const g = await gateway({ services: { api: { url: api.url, max_in_flight: 2 } } });
  const dispatcher = agent({ connections: 8 });
  const slow = [1, 2].map((i) => request(g, `/api/${i}`, { dispatcher }));
  await until('two requests at the service', () => waiting.length === 2);
  const seconds = new Set();
  for (let i = 0; i < 20; i += 1) {
    const refused = await request(g, '/api/quick', { dispatcher });
    assertProblem(refused, 503, 'saturated');
    seconds.add(refused.headers['retry-after']);
  }
  for (const s of seconds) assert.match(s, /^[1-9]\d?$/);
  assert.ok(seconds.size > 1, 'Retry-After has jitter');
  assert.equal(api.requests, 2);
  waiting.forEach((answer) => answer());
  assert.deepEqual((await Promise.all(slow)).map((r) => r.text), ['slow /api/1', 'slow /api/2']);
  assert.equal((await request(g, '/api/quick', { dispatcher })).text, 'quick');
});

gatewayTest('access: deny wins over allow, after trusted proxies', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway({
    listen: { public: { trusted_proxies: ['127.0.0.0/8'] } },
    services: {
      inner: { url: api.url, allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16'] },
      outer: { url: api.url, deny: ['192.0.2.0/24', '2001:db8::/32'] },
    },
  });
  const from = (target, address) => request(g, target, { headers: { 'x-forwarded-for': address } });
  assert.equal((await from('/inner/a', '10.1.2.3')).json().url, '/inner/a');
  assertProblem(await from('/inner/a', '10.9.2.3'), 403, 'denied');
  assertProblem(await from('/inner/a', '192.168.0.1'), 403, 'denied');
  assert.equal((await from('/outer/a', '198.51.100.1')).json().url, '/outer/a');
  assertProblem(await from('/outer/a', '192.0.2.77'), 403, 'denied');
  assertProblem(await from('/outer/a', '2001:db8::1'), 403, 'denied');
  assert.equal(api.requests, 2);
  assert.equal((await g.logged('a denied request', (r) => r.status === 403)).reason, 'denied');
});

gatewayTest('only: a service is seen through its listeners alone', async ({ service, gateway, request }) => {
  const api = await service();
  const inner = await freePort();
  const g = await gateway({
    listen: { inside: { port: inner, bind: '127.0.0.1' } },
    services: { reports: { url: api.url, only: 'inside' }, open: api.url },
  });
  assertProblem(await request(g, '/reports/x'), 404, 'no_route');
  assert.equal((await request({ port: inner }, '/reports/x')).json().url, '/reports/x');
  assert.equal((await request(g, '/open/x')).json().url, '/open/x');
  assert.equal(api.requests, 2);
});

gatewayTest('a second gateway on the same port says so in one line and ends with 1', async ({ service, gateway }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const other = path.join(g.folder, 'other.yaml');
  fs.writeFileSync(other, JSON.stringify({ ...g.complete({ services: { api: api.url } }), state: path.join(g.folder, 's2'), admin: 'off' }));
  const run = spawnSync(kBinary, ['run', other], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(run.status, 1);
  assert.match(run.stderr, new RegExp(`${g.port}`));
  assert.equal(run.stderr.trim().split('\n').length, 1, run.stderr);
  const missing = spawnSync(kBinary, ['run', path.join(g.folder, 'none.yaml')], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(missing.status, 1);
  assert.equal(missing.stderr.trim().split('\n').length, 1, missing.stderr);
  assert.match(missing.stderr, /none\.yaml/);
});
