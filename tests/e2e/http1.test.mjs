// HTTP/1.x as the gateway speaks it to clients of every kind.
import { room } from './lib/service.mjs';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { sleep, until } from './lib/wait.mjs';

gatewayTest('HTTP/1.0 clients: closed by default, kept with Connection: keep-alive', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => { res.write('one '); await sleep(20); res.end('two'); });
  const g = await gateway({ services: { api: api.url } });
  const plain = await client(g);
  plain.send('GET /api HTTP/1.0\r\nHost: a\r\n\r\n');
  const answer = await plain.answer();
  assert.equal(answer.text, 'one two');
  assert.equal(answer.get('transfer-encoding'), undefined, 'HTTP/1.0 knows no chunks');
  await plain.isClosed();

  const sized = await service((req, res) => { res.setHeader('content-length', 2); res.end('ok'); });
  g.write({ services: { api: api.url, sized: sized.url } });
  g.signal('SIGHUP');
  await until('the new service', async () => {
    const c = await client(g);
    c.send('GET /sized HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    return (await c.answer()).text === 'ok';
  });
  const kept = await client(g);
  for (let i = 0; i < 3; i += 1) {
    kept.send('GET /sized HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
    const a = await kept.answer();
    assert.equal(a.text, 'ok');
    assert.match(a.get('connection') ?? '', /keep-alive/i);
  }
});

gatewayTest('pipelining: answers in order, bodies included; Connection: close ends it', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    let body = '';
    for await (const piece of req) body += piece;
    if (req.url.endsWith('/0')) await sleep(100);  // the first is the slowest
    res.end(`${req.url}:${body}`);
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  let bytes = '';
  for (let i = 0; i < 20; i += 1) {
    const body = 'b'.repeat(i);
    bytes += i % 2
      ? `POST /api/${i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${i.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      : `POST /api/${i} HTTP/1.1\r\nHost: a\r\nContent-Length: ${i}\r\n\r\n${body}`;
  }
  bytes += 'GET /api/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /api/never HTTP/1.1\r\nHost: a\r\n\r\n';
  c.send(bytes);
  for (let i = 0; i < 20; i += 1) assert.equal((await c.answer()).text, `/api/${i}:${'b'.repeat(i)}`);
  const last = await c.answer();
  assert.equal(last.text, '/api/last:');
  assert.equal(last.get('connection'), 'close');
  await c.isClosed();
  assert.equal(api.requests, 21);
});

gatewayTest('a request byte by byte, and the next one behind it', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  for (const byte of 'POST /api/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n') {
    c.send(byte);
    await sleep(1);
  }
  assert.equal(JSON.parse((await c.answer()).text).bytes, 3);
  c.send('GET /api/b HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(JSON.parse((await c.answer()).text).url, '/api/b');
});

gatewayTest('HEAD, 204 and 304 have no body, and the connection goes on', async ({ service, gateway, client }) => {
  const api = await service((req, res) => {
    if (req.url === '/api/204') return res.writeHead(204).end();
    if (req.url === '/api/304') return res.writeHead(304, { etag: '"x"', 'content-length': 700 }).end();
    res.setHeader('content-length', 12345);
    return res.end(req.method === 'HEAD' ? undefined : 'x'.repeat(12345));
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('HEAD /api/x HTTP/1.1\r\nHost: a\r\n\r\nGET /api/204 HTTP/1.1\r\nHost: a\r\n\r\nGET /api/304 HTTP/1.1\r\nHost: a\r\n\r\nGET /api/x HTTP/1.1\r\nHost: a\r\n\r\n');
  const head = await c.answer('HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.get('content-length'), '12345');
  assert.equal((await c.answer()).status, 204);
  const same = await c.answer();
  assert.equal(same.status, 304);
  assert.equal(same.get('etag'), '"x"');
  assert.equal((await c.answer()).body.length, 12345);
});

gatewayTest('103 Early Hints are forwarded before the answer, but not to HTTP/1.0', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    res.writeEarlyHints({ link: '</style.css>; rel=preload' });
    await sleep(100);
    res.end('page');
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  const hints = await c.answer();
  assert.equal(hints.status, 103);
  assert.equal(hints.get('link'), '</style.css>; rel=preload');
  assert.equal((await c.answer()).text, 'page');
  const old = await client(g);
  old.send('GET /api HTTP/1.0\r\nHost: a\r\n\r\n');
  assert.equal((await old.answer()).text, 'page');
});

gatewayTest('Expect: 100-continue is made when the body is first wanted', async ({ service, gateway, client }) => {
  const api = await service(undefined, undefined, { continues: false });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
  assert.equal((await c.answer()).status, 100);
  c.send('hello');
  assert.equal(JSON.parse((await c.answer()).text).bytes, 5);
  // Refused before anyone wants the body: no 100, and nobody can tell where the next request begins.
  c.send('POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
  assertProblem(await c.answer(), 404, 'no_route');
});

gatewayTest('a final answer while the request is still coming', async ({ service, gateway, client }) => {
  const api = await service((req, res) => {
    res.writeHead(413, { 'content-type': 'text/plain', connection: 'close' });
    res.end('too much already');
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n').send('x'.repeat(100_000));
  const answer = await c.answer();
  assert.equal(answer.status, 413);
  assert.equal(answer.text, 'too much already');
  await c.rest();
  assert.ok(c.ended);
});

gatewayTest('an early answer and then the rest of the body: both sides flow', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    res.writeHead(200);
    for await (const piece of req) res.write(piece);  // echoes as it comes
    res.end('!');
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  await until('the echo before the request has ended', () => c.buffer.includes('hello'));
  c.send('6\r\n world\r\n0\r\n\r\n');
  assert.equal((await c.answer()).text, 'hello world!');
});

gatewayTest('trailers, both ways', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    for await (const _ of req);
    res.setHeader('trailer', 'x-sum');
    res.write('body');
    res.addTrailers({ 'x-sum': `seen ${req.trailers['x-check']}` });
    res.end();
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('POST /api HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Check\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Check: 900150\r\n\r\n');
  const answer = await c.answer();
  assert.equal(answer.text, 'body');
  assert.deepEqual(answer.trailers, [['x-sum', 'seen 900150']]);
});

gatewayTest('trailers cannot bring in what the head could not', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 9\r\nHost: evil\r\nX-Fine: yes\r\n\r\n');
  const answer = await c.answer();
  if (answer.status === 200) {
    const { trailers } = JSON.parse(answer.text);
    for (const name of ['x-forwarded-for', 'content-length', 'host']) assert.equal(trailers[name], undefined, name);
  } else {
    assertProblem(answer, 400, 'malformed_request');
  }
});

gatewayTest('server-sent events arrive one by one, without delay', async ({ service, gateway, client }) => {
  const streams = [];
  const api = await service((req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.push(res);
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('the stream', () => streams.length === 1);
  streams[0].flushHeaders();
  const delays = [];
  for (let i = 0; i < 30; i += 1) {
    const event = `data: event ${i}\n\n`;
    const sent = performance.now();
    streams[0].write(event);
    await until(event, () => c.buffer.includes(event), { every: 1 });
    delays.push(performance.now() - sent);
  }
  delays.sort((a, b) => a - b);
  assert.ok(delays[15] < 25, `half of the events took more than ${delays[15]} ms`);
  streams[0].end();
  const answer = await c.answer();
  assert.equal(answer.text, Array.from({ length: 30 }, (_, i) => `data: event ${i}\n\n`).join(''));
});

gatewayTest('an event stream may be silent for longer than body_idle', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    res.write('data: 1\n\n');
    await sleep(900);
    res.end('data: 2\n\n');
  });
  const g = await gateway({ services: { api: { url: api.url, body_idle: '200ms', stream_idle: '10s' } } });
  const c = await client(g);
  c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await c.answer()).text, 'data: 1\n\ndata: 2\n\n');
});

gatewayTest('hop-by-hop headers end at the gateway, both ways', async ({ service, gateway, client }) => {
  const api = await service((req, res) => {
    const body = JSON.stringify(req.headers);
    res.writeHead(200, { 'keep-alive': 'timeout=5', connection: 'keep-alive, x-hop', 'x-hop': '1', 'x-end': '1', 'proxy-authenticate': 'Basic' });
    res.end(body);
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send('GET /api HTTP/1.1\r\nHost: a\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nX-Kept: 1\r\n\r\n');
  const answer = await c.answer();
  const seen = JSON.parse(answer.text);
  for (const name of ['x-mine', 'keep-alive', 'proxy-connection', 'upgrade']) assert.equal(seen[name], undefined, name);
  assert.equal(seen['x-kept'], '1');
  assert.equal(answer.get('x-hop'), undefined);
  assert.equal(answer.get('keep-alive'), undefined);
  assert.equal(answer.get('x-end'), '1');
});

gatewayTest('an answer is written as the client can read it, whatever its framing was', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    for (let i = 0; i < 5; i += 1) {
      if (!res.write(`${i}`.repeat(10_000))) await room(res);
    }
    res.end();
  });
  const g = await gateway({ services: { api: api.url } });
  const want = [0, 1, 2, 3, 4].map((i) => `${i}`.repeat(10_000)).join('');
  const modern = await client(g);
  modern.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await modern.answer()).text, want);
  const old = await client(g);
  old.send('GET /api HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
  const answer = await old.answer();
  assert.equal(answer.text, want);
  assert.equal(answer.get('transfer-encoding'), undefined);
});
