// Who the client is, and what a service is told about it.
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';

gatewayTest('from an untrusted peer: what it says of itself is dropped, ours is set', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send(['GET /api HTTP/1.1', 'Host: api.test:8080', 'X-Forwarded-For: 6.6.6.6', 'x-forwarded-proto: https', 'X-Forwarded-Host: evil',
    'X-Forwarded-Port: 1', 'X-Forwarded-Anything: 1', 'Forwarded: for=6.6.6.6', 'X-Real-IP: 6.6.6.6', 'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin', 'Proxy: http://evil', 'X_Forwarded_For: 6.6.6.6', 'X.Real.IP: 6.6.6.6', 'Content_Length: 5',
    'Transfer_Encoding: chunked', 'X-Request-Id: chosen-by-the-client', 'X-Kept: yes', '', ''].join('\r\n'));
  const { headers, raw } = JSON.parse((await c.answer()).text);
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['x-forwarded-host'], 'api.test:8080');
  assert.match(headers.forwarded, /^for=127\.0\.0\.1;(host="api\.test:8080";proto=http|proto=http;host="api\.test:8080")$/);
  assert.equal(headers.host, 'api.test:8080');
  assert.equal(headers['x-kept'], 'yes');
  assert.doesNotMatch(JSON.stringify(raw), /6\.6\.6\.6|evil|\/admin|chosen-by/);
  for (const name of ['x-real-ip', 'x-original-url', 'x-rewrite-url', 'proxy', 'x-forwarded-port', 'x-forwarded-anything',
    'x_forwarded_for', 'x.real.ip', 'content_length', 'transfer_encoding']) assert.equal(headers[name], undefined, name);
  assert.match(headers['x-request-id'], /^[0-9a-zA-Z-]{16,}$/);
  assert.match(headers.via, /^1\.1 \S+$/);
  assert.doesNotMatch(headers.via, /\d+\.\d+\.\d+/);
});

gatewayTest('from a trusted peer: ours is appended, the client is the rightmost that is not trusted', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway({ listen: { public: { trusted_proxies: ['127.0.0.0/8', '10.0.0.0/8'] } }, services: { api: api.url } });
  const answer = await request(g, '/api/x', { headers: {
    'x-forwarded-for': '6.6.6.6, 198.51.100.7, 10.1.1.1', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.test', 'x-request-id': 'from-the-edge-0001',
  } });
  const { headers } = answer.json();
  assert.equal(headers['x-forwarded-for'], '6.6.6.6, 198.51.100.7, 10.1.1.1, 127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.equal(headers['x-forwarded-host'], 'shop.test');
  assert.equal(headers['x-request-id'], 'from-the-edge-0001');
  const record = await g.logged('the request', (r) => r.request_id === 'from-the-edge-0001');
  assert.equal(record.client, '198.51.100.7');
  // A Forwarded that says something else is dropped.
  const disagreeing = (await request(g, '/api/y', { headers: { 'x-forwarded-for': '198.51.100.7', forwarded: 'for=6.6.6.6' } })).json();
  assert.doesNotMatch(disagreeing.headers.forwarded, /6\.6\.6\.6/);
  // An identifier that is not well-formed is replaced.
  const odd = (await request(g, '/api/z', { headers: { 'x-request-id': 'a b"c' } })).json();
  assert.notEqual(odd.headers['x-request-id'], 'a b"c');
});

gatewayTest('traceparent is continued, or begun where there is none or a wrong one', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const given = (await request(g, '/api/given', { headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01`, tracestate: 'vendor=1' } })).json().headers;
  assert.match(given.traceparent, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
  assert.equal(given.tracestate, 'vendor=1');
  assert.equal((await g.logged('the trace', (r) => r.path === '/api/given')).trace_id, trace);
  for (const wrong of [undefined, 'nonsense', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`]) {
    const begun = (await request(g, '/api/x', { headers: wrong ? { traceparent: wrong } : {} })).json().headers;
    assert.match(begun.traceparent, /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]$/);
  }
});

gatewayTest('host, headers and response headers are what the configuration says', async ({ service, gateway, client }) => {
  const api = await service((req, res) => {
    const body = JSON.stringify(req.headers);
    res.writeHead(200, { server: 'Sample/1.2.3', 'x-powered-by': 'Node', 'x-two': ['a', 'b'], 'content-length': body.length });
    res.end(body);
  });
  const g = await gateway({
    services: {
      api: {
        url: api.url, host: 'inside.test',
        headers: {
          request: { set: { 'X-Set': 'new' }, add: { 'X-Add': 'second' }, remove: ['X-Gone'] },
          response: { set: { 'X-Frame-Options': 'DENY' }, add: { 'X-Two': 'c' }, remove: ['X-Powered-By'] },
        },
      },
    },
    routes: [{ path: '/api/special', to: 'api', headers: { request: { set: { 'X-Set': 'of the route' } } } }, { path: '/api/*', to: 'api' }],
  });
  const c = await client(g);
  c.send('GET /api/x HTTP/1.1\r\nHost: outside.test\r\nX-Set: old\r\nX-Add: first\r\nX-Gone: 1\r\n\r\n');
  const answer = await c.answer();
  const seen = JSON.parse(answer.text);
  assert.equal(seen.host, 'inside.test');
  assert.equal(seen['x-forwarded-host'], 'outside.test');
  assert.equal(seen['x-set'], 'new');
  assert.equal(seen['x-add'], 'first, second');
  assert.equal(seen['x-gone'], undefined);
  assert.equal(answer.get('x-frame-options'), 'DENY');
  assert.equal(answer.get('x-two'), 'a, b, c');
  assert.equal(answer.get('x-powered-by'), undefined);
  assert.doesNotMatch(answer.get('via') ?? '', /gatehouse\/|\d\.\d\.\d/i);
  c.send('GET /api/special HTTP/1.1\r\nHost: outside.test\r\n\r\n');
  assert.equal(JSON.parse((await c.answer()).text)['x-set'], 'of the route');
});

gatewayTest('requests that come round in a circle end with 508', async ({ gateway, request, service }) => {
  const api = await service((req, res) => res.end('direct'));
  const g = await gateway({ services: { api: api.url } });
  g.write({ services: { api: { url: `http://127.0.0.1:${g.port}`, retry: 'off' } } });
  g.signal('SIGHUP');
  let last;
  const end = Date.now() + 20_000;
  do last = await request(g, '/api/x'); while (last.text === 'direct' && Date.now() < end);
  assertProblem(last, 508, 'too_many_hops');
  const before = await g.metric('gatehouse_requests_total');
  assertProblem(await request(g, '/api/x'), 508, 'too_many_hops');
  const hops = await g.metric('gatehouse_requests_total') - before;
  assert.ok(hops > 1 && hops < 40, `${hops} hops`);
  g.write({ services: { api: api.url } });
  g.signal('SIGHUP');
});
