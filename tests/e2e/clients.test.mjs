// Clients that go away, are slow, or say nothing; and a process without descriptors.
import { room } from './lib/service.mjs';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { sleep, until } from './lib/wait.mjs';

// A service that says which of its requests were broken off.
function watched() {
  const seen = { begun: 0, broken: 0 };
  const handler = async (req, res) => {
    seen.begun += 1;
    res.on('close', () => { if (!res.writableFinished) seen.broken += 1; });
    if (req.url.startsWith('/api/stream')) res.write('first piece');
  };
  return [seen, handler];
}

for (const way of ['close', 'reset', 'endSending']) {
  gatewayTest(`client gone (${way}): the work at the service is cancelled at once`, async ({ service, gateway, client }) => {
    const [seen, handler] = watched();
    const api = await service(handler);
    const g = await gateway({ services: { api: api.url } });
    for (const [i, target] of ['/api/silent', '/api/stream'].entries()) {
      const c = await client(g);
      c.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await until('the request at the service', () => seen.begun === i + 1);
      if (i === 1) await c.has(50);
      c[way]();
      await until(`${target} to be broken off at the service`, () => seen.broken === i + 1);
      const record = await g.logged(target, (r) => r.path === target);
      assert.equal(record.reason, 'client_closed');
      assert.equal(record.status, i === 1 ? 200 : 0);
    }
    assert.equal(await g.metric('gatehouse_failures_total', { reason: 'client_closed' }), 2);
  });
}

gatewayTest('half_close: a client may end its side and still gets the answer', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => { await sleep(200); res.end('late but whole'); });
  const g = await gateway({ listen: { public: { half_close: 'on' } }, services: { api: api.url } });
  const c = await client(g);
  c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n').endSending();
  const answer = await c.answer();
  assert.equal(answer.text, 'late but whole');
  await c.isClosed();
});

gatewayTest('client gone in mid-upload: the service sees no whole request', async ({ service, gateway, client }) => {
  let whole = 0;
  let broken = 0;
  const api = await service(async (req, res) => {
    try {
      for await (const _ of req);
      whole += 1;
      res.end();
    } catch {
      broken += 1;
    }
  });
  const g = await gateway({ services: { api: api.url } });
  for (const framing of ['Content-Length: 1000000', 'Transfer-Encoding: chunked']) {
    const before = broken;
    const c = await client(g);
    c.send(`POST /api HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n3e8\r\n${'x'.repeat(1000)}\r\n`);
    await until('the request at the service', () => api.sockets.size > 0);
    c.close();
    await until('it to be broken off', () => broken === before + 1 || whole > 0);
  }
  assert.equal(whole, 0);
});

gatewayTest('slow clients get 408 or are closed', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({
    listen: { public: { timeouts: { head: '400ms', body_idle: '400ms', keep_alive: '700ms' } } },
    services: { api: api.url },
  });
  const begun = Date.now();
  const slowHead = await client(g);
  slowHead.send('GET /api HTTP/1.1\r\nHos');
  const slowBody = await client(g);
  slowBody.send('POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  const silent = await client(g);
  const idle = await client(g);
  idle.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await idle.answer()).status, 200);
  // A byte now and then does not prolong the head's time.
  const dripping = await client(g);
  const drip = setInterval(() => dripping.send('X'), 50);
  dripping.send('GET /api HTTP/1.1\r\n');

  assertProblem(await slowHead.answer(), 408, 'client_timeout');
  await slowHead.isClosed();
  const late = await slowBody.answer();
  assert.equal(late.status, 408);
  assert.match(late.text, /client_timeout|client_too_slow/);
  await slowBody.isClosed();
  assertProblem(await dripping.answer(), 408, 'client_timeout');
  clearInterval(drip);
  const took = Date.now() - begun;
  assert.ok(took >= 390 && took < 10_000, `${took} ms`);
  // Nobody asked anything: nothing is answered.
  await idle.isClosed();
  await silent.isClosed();
  await until('the upload at the service to be broken off', () => api.sockets.size <= 1);
});

gatewayTest('a client that does not read: the service is held back, memory is bounded, write_idle ends it', async ({ service, gateway, client }) => {
  let written = 0;
  const api = await service(async (req, res) => {
    const piece = Buffer.alloc(65536, 'x');
    res.on('error', () => {});
    while (!res.destroyed && written < 512e6) {
      written += piece.length;
      if (!res.write(piece)) await room(res);
    }
    res.end();
  });
  const g = await gateway({ listen: { public: { timeouts: { write_idle: '1500ms' } } }, services: { api: api.url } });
  const before = g.residentBytes();
  const c = await client(g);
  c.socket.pause();
  c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('bytes to be written', () => written > 0);
  const record = await g.logged('the end', (r) => r.path === '/api');
  assert.equal(record.reason, 'client_too_slow');
  assert.ok(written < 64e6, `${written} bytes were taken from the service`);
  const grown = g.residentBytes() - before;
  assert.ok(grown < 4e6, `the process grew by ${grown} bytes`);
});

gatewayTest('limits on connections: per address and in all', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ listen: { public: { per_address: 3 } }, services: { api: api.url } });
  const ask = async (c) => {
    c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
    return (await c.answer()).status;
  };
  const few = [await client(g), await client(g), await client(g)];
  for (const c of few) assert.equal(await ask(c), 200);
  const more = await client(g);
  more.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
  await more.rest();
  assert.ok(more.ended);
  assert.equal(await g.metric('gatehouse_connections_rejected_total'), 1);
  for (const c of few) assert.equal(await ask(c), 200);
  few[0].close();
  await until('room for another', async () => {
    const c = await client(g);
    try {
      return (await ask(c)) === 200;
    } catch {
      return false;
    }
  });
});

gatewayTest('out of descriptors: who is there is served, new ones wait or are closed, and it recovers', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    res.writeHead(200);
    for await (const piece of req) res.write(piece);  // an echo, as it comes
    res.end(`end of ${req.url}`);
  });
  const g = await gateway({ listen: { public: { max_connections: 10_000 } }, services: { api: api.url } }, { descriptors: 64 });
  const first = await client(g);
  first.send('POST /api/who HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  const say = async (text) => {
    first.send(`${text.length.toString(16)}\r\n${text}\r\n`);
    await until(`the echo of ${text}`, () => first.buffer.includes(text));
  };
  await say('before');
  // Each is in mid-request, so that it cannot be closed as idle.
  const crowd = [];
  for (let i = 0; i < 100; i += 1) {
    const c = await client(g);
    c.send('GET /api/crowd HTTP/1.1\r\n');
    crowd.push(c);
  }
  await until(() => `the descriptors to run out: ${g.descriptors().length}`, () => g.descriptors().length >= 50);
  for (let i = 0; i < 5; i += 1) await say(`during ${i}`);
  // It waits without spinning.
  const before = g.cpuSeconds();
  await sleep(1000);
  const spent = g.cpuSeconds() - before;
  assert.ok(spent < 0.2, `${spent} s of CPU in a second of waiting`);
  // Some leave: those that waited are served; none has half an answer.
  crowd.slice(0, 60).forEach((c) => c.close());
  for (const c of crowd.slice(60)) {
    c.send('Host: a\r\n\r\n');
    if (!(await c.has(1))) continue;
    assert.equal((await c.answer()).text, 'end of /api/crowd');
    c.close();
  }
  for (let i = 0; i < 20; i += 1) {
    const c = await client(g);
    c.send(`GET /api/${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal((await c.answer()).text, `end of /api/${i}`);
    c.close();
  }
  first.send('0\r\n\r\n');
  assert.equal((await first.answer()).text, `before${[0, 1, 2, 3, 4].map((i) => `during ${i}`).join('')}end of /api/who`);
});

gatewayTest('out of descriptors: idle connections make room', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ listen: { public: { max_connections: 10_000 } }, services: { api: api.url } }, { descriptors: 64 });
  for (let i = 0; i < 200; i += 1) {
    const c = await client(g);
    c.send(`GET /api/${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await c.answer();
    assert.equal(answer.status, 200, answer.text);
    assert.equal(JSON.parse(answer.text).url, `/api/${i}`);
  }
  assert.ok(g.descriptors().length <= 64);
});
