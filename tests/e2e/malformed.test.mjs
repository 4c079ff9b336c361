// Section "what bad input gets", first row: a malformed request gets its status as a problem document, the connection is
// closed, the reason is counted and logged, and nothing of it reaches a service.
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

const host = 'Host: api.test\r\n';
const get = (headers, target = '/api/x') => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;
const post = (headers, body) => `POST /api/x HTTP/1.1\r\n${host}${headers}\r\n${body}`;

// [what, bytes, status, reason]
const kMalformed = [
  ['no Host', get(''), 400, 'malformed_request'],
  ['two Hosts', get(host + host), 400],
  ['a Host that is none', get('Host: a/b\r\n'), 400],
  ['an absolute target with another Host', get(host, 'http://other.test/api/x'), 400],
  ['a folded header', get(`${host}X-A: 1\r\n 2\r\n`), 400],
  ['a space before the colon', get(`${host}X-A : 1\r\n`), 400],
  ['no colon', get(`${host}X-A\r\n`), 400],
  ['an empty header name', get(`${host}: 1\r\n`), 400],
  ['a NUL in a value', get(`${host}X-A: a\0b\r\n`), 400],
  ['a control character in a value', get(`${host}X-A: a\x01b\r\n`), 400],
  ['a bare CR', get(`${host}X-A: a\rb\r\n`), 400],
  ['a bare LF as line end', `GET /api/x HTTP/1.1\n${host}\r\n`, 400],
  ['a method that is no token', `G(T /api/x HTTP/1.1\r\n${host}\r\n`, 400],
  ['two spaces in the request line', `GET  /api/x HTTP/1.1\r\n${host}\r\n`, 400],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
  ['a version without minor', `GET /api/x HTTP/1\r\n${host}\r\n`, 400],
  ['HTTP/2.0 in clear text', `GET /api/x HTTP/2.0\r\n${host}\r\n`, 505, 'version_not_supported'],
  ['a signed Content-Length', post('Content-Length: +3\r\n', 'abc'), 400],
  ['a negative Content-Length', post('Content-Length: -3\r\n', 'abc'), 400],
  ['a list of Content-Lengths', post('Content-Length: 3, 3\r\n', 'abc'), 400],
  ['two Content-Lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'), 400],
  ['a Content-Length beyond 64 bits', post('Content-Length: 18446744073709551617\r\n', 'abc'), 400],
  ['Content-Length and Transfer-Encoding', post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  ['Transfer-Encoding: identity', post('Transfer-Encoding: identity\r\n', ''), 400],
  ['Transfer-Encoding: gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 400],
  ['Transfer-Encoding: chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  ['Transfer-Encoding: xchunked', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), 400],
  ['Transfer-Encoding in HTTP/1.0', `POST /api/x HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['Connection that names Host', get(`${host}Connection: host\r\n`), 400],
  ['Connection that names Content-Length', get(`${host}Connection: keep-alive, Content-Length\r\n`), 400],
  ['Connection that names Authorization', get(`${host}Connection: authorization\r\n`), 400],
  ['Connection that names Cookie', get(`${host}Connection: close, cookie\r\n`), 400],
  ['a backslash in the path', get(host, '/api/a\\b'), 400, 'bad_path'],
  ['%5C in the path', get(host, '/api/a%5Cb'), 400, 'bad_path'],
  ['%00 in the path', get(host, '/api/a%00b'), 400, 'bad_path'],
  ['%2F in the path', get(host, '/api/a%2Fb'), 400, 'bad_path'],
  ['a dot segment with a parameter', get(host, '/api/a/..;x/b'), 400, 'bad_path'],
  ['a dot segment beside %2F', get(host, '/api/a%2F../b'), 400, 'bad_path'],
  ['a target without a slash', get(host, 'api/x'), 400],
  ['a target of 20 KB', get(host, `/api/${'a'.repeat(20_000)}`), 414, 'uri_too_long'],
  ['a head of 40 KB', get(`${host}X-A: ${'a'.repeat(40_000)}\r\n`), 431, 'head_too_large'],
  ['1 000 headers in 40 KB', get(host + Array.from({ length: 1000 }, (_, i) => `X-${i}: ${'v'.repeat(30)}\r\n`).join('')), 431, 'head_too_large'],
  ['a body above max_body', post('Content-Length: 1048577\r\n', ''), 413, 'body_too_large'],
];

// In the path alone: the request's framing is known, so the connection may live on.
const keepsConnection = new Set(['bad_path']);

gatewayTest('malformed requests are refused, counted, logged, and never forwarded', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ listen: { public: { max_body: '1MB' } }, services: { api: api.url } });
  const trouble = [];
  for (const [what, bytes, status, reason] of kMalformed) {
    const c = await client(g);
    try {
      c.send(bytes);
      const answer = await c.answer();
      const problem = JSON.parse(answer.text);
      assertProblem(answer, status, reason ?? problem.reason);
      assert.ok(['malformed_request', 'header_conflict', reason].includes(problem.reason), problem.reason);
      if (!keepsConnection.has(reason)) {
        assert.equal(answer.get('connection'), 'close');
        await c.isClosed();
      }
      c.close();  // or else the gateway waits a while, so that the answer is not lost
      const record = await g.logged(what, (r) => r.request_id === problem.request_id);
      assert.equal(record.status, status);
      assert.equal(record.reason, problem.reason);
      assert.equal(record.service, '');
    } catch (error) {
      trouble.push(`${what}: ${error.message}`);
    } finally {
      c.close();
    }
  }
  assert.deepEqual(trouble, []);
  assert.equal(api.requests, 0);
  assert.equal(api.connections, 0);
  const sum = await g.metric('gatehouse_failures_total');
  assert.equal(sum, kMalformed.length);
  assert.ok(await g.metric('gatehouse_failures_total', { reason: 'malformed_request' }) > 10);
});

// A body that turns out to be broken while it is forwarded: the service never sees its end.
const kBrokenBodies = [
  ['a chunk size that is no number', 'xyz\r\nabc\r\n'],
  ['a negative chunk size', '-1\r\nabc\r\n'],
  ['a chunk that is longer than it says', '3\r\nabcdef\r\n0\r\n\r\n'],
  ['a chunk size of 17 digits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
  ['a chunk line ended by LF', '3\nabc\r\n0\r\n\r\n'],
  ['a trailer with a space before its colon', '3\r\nabc\r\n0\r\nX-A : 1\r\n\r\n'],
  ['an endless chunk extension', `3;${'x'.repeat(40_000)}\r\nabc\r\n0\r\n\r\n`],
];

gatewayTest('broken chunked bodies are never completed towards the service', async ({ service, gateway, client }) => {
  const whole = [];
  const api = await service(async (req, res) => {
    const pieces = [];
    for await (const piece of req) pieces.push(piece);
    whole.push(Buffer.concat(pieces).toString());
    res.end('done');
  });
  const g = await gateway({ services: { api: api.url } });
  for (const [what, body] of kBrokenBodies) {
    const c = await client(g);
    c.send(post('Transfer-Encoding: chunked\r\n', body));
    assertProblem(await c.answer(), 400, 'malformed_request');
    await c.isClosed();
    assert.deepEqual(whole, [], what);
    c.close();
  }
  // The gateway has dropped what it had opened for them.
  await until(() => `no connections at the service: ${api.sockets.size}`, () => api.sockets.size === 0);
});

gatewayTest('a chunked body above max_body gets 413', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ listen: { public: { max_body: '10KB' } }, services: { api: api.url } });
  const c = await client(g);
  c.send(post('Transfer-Encoding: chunked\r\n', `2000\r\n${'a'.repeat(0x2000)}\r\n`.repeat(2)));
  const answer = await c.answer();
  assertProblem(answer, 413, 'body_too_large');
  assert.equal(answer.get('connection'), 'close');
});

// What is legal is not refused.
const kLegal = [
  ['a leading CRLF', `\r\n${get(host)}`],
  ['optional whitespace', get(`${host}X-A:\t 1 \t\r\n`), (e) => assert.equal(e.headers['x-a'], '1')],
  ['a tab and bytes above 0x7f in a value', get(`${host}X-A: a\tb\xe9\r\n`), (e) => assert.equal(e.headers['x-a'], 'a\tb\xe9')],
  ['an empty value', get(`${host}X-A:\r\n`), (e) => assert.equal(e.headers['x-a'], '')],
  ['any method token', `PURGE /api/x HTTP/1.1\r\n${host}\r\n`, (e) => assert.equal(e.method, 'PURGE')],
  ['HTTP/1.0 without Host', 'GET /api/x HTTP/1.0\r\n\r\n'],
  ['an absolute target', get(host, 'http://api.test/api/x?y'), (e) => assert.equal(e.url, '/api/x?y')],
  ["Java's offer of h2c", get(`${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n`),
    (e) => { assert.equal(e.headers.upgrade, undefined); assert.equal(e.headers['http2-settings'], undefined); }],
  ['spaces around Content-Length', `POST /api/x HTTP/1.1\r\n${host}Content-Length:  3 \r\n\r\nabc`, (e) => assert.equal(e.bytes, 3)],
  ['a chunk extension', post('Transfer-Encoding: chunked\r\n', '3;a="b"\r\nabc\r\n0\r\n\r\n'), (e) => assert.equal(e.bytes, 3)],
];

gatewayTest('what is legal is served', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  for (const [what, bytes, check] of kLegal) {
    const c = await client(g);
    c.send(bytes);
    const answer = await c.answer();
    assert.equal(answer.status, 200, `${what}: ${answer.text}`);
    const seen = JSON.parse(answer.text);
    assert.ok(seen.url.startsWith('/api/x'), what);
    check?.(seen);
    c.close();
  }
});
