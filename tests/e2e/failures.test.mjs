// What clients get when a service fails: 503, 504, 502, or a connection that is closed before its answer is complete.
import path from 'node:path';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { freePort } from './lib/service.mjs';
import { until } from './lib/wait.mjs';

gatewayTest('a service that refuses connections is 503', async ({ gateway, request }) => {
  const g = await gateway({ services: { api: `http://127.0.0.1:${await freePort()}` } });
  for (let i = 0; i < 3; i += 1) assertProblem(await request(g, '/api/x'), 503, 'connect_refused');
  const record = await g.logged('the failure', (r) => r.status === 503);
  assert.equal(record.reason, 'connect_refused');
  assert.equal(record.service, 'api');
  assert.equal(record.tries, 2);
});

gatewayTest('a name that does not resolve is 503, and /readyz does not wait for ever', async ({ gateway, request }) => {
  const g = await gateway({ services: { api: 'http://no-such-host.invalid:8080' } });
  const problem = assertProblem(await request(g, '/api/x'), 503, 'name_not_resolved');
  assert.match(problem.detail, /name/);
});

gatewayTest('a name that resolves is used', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway({ services: { api: `http://localhost:${api.port}` } });
  assert.equal((await request(g, '/api/x')).json().url, '/api/x');
});

gatewayTest('a unix socket is a service', async ({ service, gateway, request }) => {
  const g = await gateway({ services: { api: 'http://127.0.0.1:1' } });
  const file = path.join(g.folder, 'api.sock');
  const api = await service(undefined, { path: file });
  g.write({ services: { api: `unix:${file}` } });
  g.signal('SIGHUP');
  await until('the unix socket to be in force', async () => (await request(g, '/api/x')).status === 200);
  assert.equal((await request(g, '/api/y')).json().url, '/api/y');
  assert.ok(api.requests >= 2);
});

gatewayTest('a connection that is not accepted in time is 503', async ({ gateway, request, run }) => {
  // A listener whose queue is full drops further connections, as a firewall would. Node's own would accept them.
  const { fullBacklog } = await import('./lib/full_backlog.mjs');
  const blocked = await fullBacklog();
  try {
    const g = await gateway({ services: { api: { url: `http://127.0.0.1:${blocked.port}`, connect_timeout: '300ms', retry: 'off' } } });
    const start = Date.now();
    assertProblem(await request(g, '/api/x'), 503, 'connect_timeout');
    const took = Date.now() - start;
    assert.ok(took >= 290 && took < 5000, `${took} ms`);
  } finally {
    await blocked.close();
  }
});

gatewayTest('a service that does not answer in time is 504, and its connection is closed', async ({ service, gateway, request }) => {
  const api = await service(() => {});
  const g = await gateway({ services: { api: { url: api.url, timeout: '300ms' } } });
  assertProblem(await request(g, '/api/x'), 504, 'upstream_timeout');
  await until('no connection at the service', () => api.sockets.size === 0);
  assert.equal(api.requests, 1, 'a time-out is not retried by default');
});

gatewayTest('deadline bounds all tries together: 504', async ({ service, gateway, request }) => {
  const api = await service(() => {});
  const g = await gateway({
    services: { api: { url: api.url, timeout: '400ms', deadline: '1s', retry: { tries: 10, on: ['timeout'] } } },
  });
  const start = Date.now();
  assertProblem(await request(g, '/api/x'), 504, 'deadline_exceeded');
  const took = Date.now() - start;
  assert.ok(took >= 990 && took < 5000, `${took} ms`);
  assert.ok(api.requests >= 2);
});

const kBroken = [
  ['no HTTP', 'hello\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a version of another protocol', 'ICY 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['two different Content-Lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
  ['a list of Content-Lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc'],
  ['Content-Length and Transfer-Encoding', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['an unknown Transfer-Encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
  ['a NUL in a value', 'HTTP/1.1 200 OK\r\nX-A: a\0\r\nContent-Length: 0\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\n${`X-A: ${'a'.repeat(1000)}\r\n`.repeat(300)}`],
  ['101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ['a broken chunk in a short answer', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'mid-body'],
];

gatewayTest('a broken answer is 502, its connection is closed, and it is not asked again', async ({ scripted, gateway, client }) => {
  const services = {};
  const servers = [];
  for (const [i, [, bytes]] of kBroken.entries()) {
    servers.push(await scripted(bytes));
    services[`s${i}`] = servers[i].url;
  }
  const g = await gateway({ services });
  const trouble = [];
  for (const [i, [what, , where]] of kBroken.entries()) {
    const c = await client(g);
    c.send(`POST /s${i} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`);
    try {
      if (where === 'mid-body' && await c.has(12) && c.buffer.toString('latin1', 9, 12) === '200') {
        await assert.rejects(c.answer(), /connection ended/);
      } else {
        assertProblem(await c.answer(), 502, 'upstream_malformed');
      }
      await until('the connection to be closed', () => servers[i].sockets.size === 0);
      assert.equal(servers[i].connections, 1);
    } catch (error) {
      trouble.push(`${what}: ${error.message}`);
    }
    c.close();
  }
  assert.deepEqual(trouble, []);
});

gatewayTest('what a tolerant reader may accept of a service is accepted', async ({ scripted, gateway, request }) => {
  const noReason = await scripted('HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok');
  const emptyLength = await scripted('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n');
  const untilClose = await scripted('HTTP/1.0 200 OK\r\n\r\nuntil the end', { end: true });
  const g = await gateway({ services: { a: noReason.url, b: emptyLength.url, c: untilClose.url } });
  assert.equal((await request(g, '/a')).text, 'ok');
  const empty = await request(g, '/b');
  assert.equal(empty.status, 204);
  assert.equal(empty.headers['content-length'], undefined);
  const ended = await request(g, '/c');
  assert.equal(ended.text, 'until the end');
});

gatewayTest('reset or close before the head, retries used up, is 502', async ({ rawService, gateway, request }) => {
  const closing = await rawService((socket) => socket.once('data', () => socket.end()));
  const resetting = await rawService((socket) => socket.once('data', () => socket.resetAndDestroy()));
  const g = await gateway({ services: { closing: closing.url, resetting: resetting.url } });
  assertProblem(await request(g, '/closing'), 502, 'upstream_closed');
  assertProblem(await request(g, '/resetting'), 502, 'upstream_reset');
  assert.equal(closing.connections, 2);
  assert.equal(resetting.connections, 2);
  // Bytes had been sent, and POST is not safe: one try.
  assertProblem(await request(g, '/closing', { method: 'POST', body: 'x' }), 502, 'upstream_closed');
  assert.equal(closing.connections, 3);
});

// The answer has begun: nobody can take it back, so the client must notice.
for (const [what, head, options] of [
  ['reset in mid-body, with Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n', { reset: true }],
  ['closed in mid-body, with Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n', { end: true }],
  ['closed in mid-body, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n', { end: true }],
  ['a broken chunk, after the head has gone', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n' + 'x'.repeat(32768) + '\r\nzz\r\n', {}],
]) {
  gatewayTest(`${what}: the client's connection is closed without a final chunk`, async ({ scripted, gateway, client }) => {
    const api = await scripted(head + (head.endsWith('zz\r\n') ? '' : 'x'.repeat(40_000)), options);
    const g = await gateway({ services: { api: api.url } });
    const c = await client(g);
    c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
    await assert.rejects(c.answer(), /connection ended/);
    assert.doesNotMatch(c.buffer.toString('latin1'), /\r\n0\r\n\r\n$/);
    const record = await g.logged('the failure', (r) => r.service === 'api');
    assert.ok(['upstream_truncated', 'upstream_reset', 'upstream_closed', 'upstream_malformed'].includes(record.reason), record.reason);
    assert.equal(record.status === 200 || record.status === 502, true);
  });
}

gatewayTest('a body that stops for body_idle ends the answer', async ({ rawService, gateway, client }) => {
  const api = await rawService((socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')));
  const g = await gateway({ services: { api: { url: api.url, body_idle: '300ms' } } });
  const c = await client(g);
  c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  await assert.rejects(c.answer(), /connection ended|status line/);
  assert.equal((await g.logged('the failure', (r) => r.service === 'api')).reason, 'upstream_idle');
  await until('no connection at the service', () => api.sockets.size === 0);
});

gatewayTest('a service that is back is used at once, though it had refused connections', async ({ service, gateway, request }) => {
  const port = await freePort();
  const g = await gateway({ services: { api: `http://127.0.0.1:${port}` } });
  for (let i = 0; i < 5; i += 1) assertProblem(await request(g, '/api/x'), 503, 'connect_refused');
  await service(undefined, { port, host: '127.0.0.1' });
  assert.equal((await request(g, '/api/x')).json().url, '/api/x');
});
