// WebSockets through the gateway, with `ws` on both sides; and what only looks like one.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import WebSocket, { WebSocketServer } from 'ws';
import { Authority } from './lib/certificates.mjs';
import { temporaryFolder } from './lib/gatehouse.mjs';
import { freePort } from './lib/service.mjs';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { until, within } from './lib/wait.mjs';

const kKey = 'dGhlIHNhbXBsZSBub25jZQ==';  // RFC 6455 section 1.3
const kOffer = (path, more = '') =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${kKey}\r\n${more}\r\n`;
const kConfirmed = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

// A small generator with a seed, so that a failure can be had again (mulberry32).
function generator(seed) {
  let a = seed;
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  return { below: (n) => next() % n, bytes: (n) => Buffer.from(Array.from({ length: n }, () => next() & 255)) };
}

// A service with a WebSocket server of others. `onSocket(socket, request)`: by default it says back what it hears.
async function webSocketService(service, options = {}, onSocket = echoing) {
  const api = await service((req, res) => res.writeHead(426).end('a WebSocket is wanted'));
  const sockets = new WebSocketServer({ server: api.server, ...options });
  sockets.on('connection', onSocket);
  return Object.assign(api, { webSockets: sockets });
}

function echoing(socket) {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('error', () => {});
}

async function opened(url, protocols, options) {
  const socket = new WebSocket(url, protocols, options);
  socket.messages = [];
  socket.on('message', (data, binary) => socket.messages.push(binary ? data : data.toString()));
  await within(`a WebSocket at ${url}`, once(socket, 'open'));
  return socket;
}

async function closed(socket, code = 1000, reason = 'bye') {
  socket.close(code, reason);
  const [gotCode, gotReason] = await within('the close', once(socket, 'close'));
  return [gotCode, gotReason.toString()];
}

// What every WebSocket must do, wherever its bytes go through.
async function conversation(socket) {
  socket.send('text with ü and \u{1f600}');
  socket.send(Buffer.from([0, 255, 13, 10, 13, 10, 0]));
  socket.send('frag', { fin: false });
  socket.send('mented', { fin: true });
  socket.send(Buffer.alloc(1_000_000, 'big'));
  socket.send('');
  await until('all echoes', () => socket.messages.length === 5);
  assert.equal(socket.messages[0], 'text with ü and \u{1f600}');
  assert.deepEqual([...socket.messages[1]], [0, 255, 13, 10, 13, 10, 0]);
  assert.equal(socket.messages[2], 'fragmented');
  assert.ok(socket.messages[3].equals(Buffer.alloc(1_000_000, 'big')));
  assert.equal(socket.messages[4], '');
  const pong = once(socket, 'pong');
  socket.ping('are you there');
  assert.equal((await within('a pong', pong))[0].toString(), 'are you there');
  assert.deepEqual(await closed(socket, 4001, 'said all'), [4001, 'said all']);
}

gatewayTest('text, binary, fragments, pings, close codes, subprotocols, compression', async ({ service, gateway }) => {
  const seen = [];
  const api = await webSocketService(service, { perMessageDeflate: true, handleProtocols: () => 'chat.v2' }, (socket, req) => {
    seen.push(req.headers);
    echoing(socket);
  });
  const g = await gateway({ services: { api: { url: api.url, timeout: '2s', body_idle: '300ms' } } });
  const socket = await opened(`ws://127.0.0.1:${g.port}/api/chat?room=1`, ['chat.v1', 'chat.v2'], { perMessageDeflate: true, origin: 'https://app.test' });
  assert.equal(socket.protocol, 'chat.v2');
  assert.match(socket.extensions, /permessage-deflate/);
  assert.equal(await g.metric('gatehouse_tunnels'), 1);
  assert.equal(await g.metric('gatehouse_requests_in_progress'), 0);
  assert.equal(g.log().length, 0, 'its record comes at its end');
  await conversation(socket);
  assert.equal(seen[0].origin, 'https://app.test');
  assert.equal(seen[0]['x-forwarded-for'], '127.0.0.1');
  assert.match(seen[0]['x-request-id'], /.{8,}/);
  const record = await g.logged('the WebSocket', (r) => r.path === '/api/chat');
  assert.equal(record.status, 101);
  assert.equal(record.service, 'api');
  assert.equal(record.reason, '');
  assert.equal(record.request_id, seen[0]['x-request-id']);
  assert.ok(record.bytes_in > 100 && record.bytes_out > 100, JSON.stringify(record));
  assert.ok(record.total >= record.first_byte);
  assert.equal(await g.metric('gatehouse_tunnels'), 0);
  assert.equal(await g.metric('gatehouse_requests_total', { service: 'api', class: '1xx' }), 1);
});

gatewayTest('the same over TLS, to the gateway and to the service', async ({ gateway, later }) => {
  const place = temporaryFolder();
  later.push(() => fs.rmSync(place, { recursive: true, force: true }));
  const ca = new Authority(place);
  const gate = ca.issue('gate', 'DNS:gate.test');
  const own = ca.issue('api', 'DNS:localhost');
  const server = https.createServer({ cert: own.pem, key: own.keyPem }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', echoing);
  later.push(() => { sockets.clients.forEach((s) => s.terminate()); server.closeAllConnections(); server.close(); return once(server, 'close'); });
  const g = await gateway({
    listen: { public: { tls: { cert: gate.cert, key: gate.key } } },
    services: { api: { url: `https://localhost:${server.address().port}`, tls: { ca: ca.cert } } },
  });
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    await conversation(await opened(`wss://127.0.0.1:${g.port}/api/chat`, [], { ca: ca.pem(), servername: 'gate.test', minVersion: version, maxVersion: version }));
  }
  await until('both records', () => g.log().filter((r) => r.status === 101).length === 2);
});

gatewayTest('frames of every kind and size, both ways at once, from a seed', async ({ service, gateway }) => {
  // Each side sends frames of its own, split as it likes, and a digest of all of them at the end.
  const talk = (socket, seed, count) => {
    const random = generator(seed);
    const sent = createHash('sha256');
    const heard = createHash('sha256');
    socket.heard = new Promise((resolve) => socket.on('message', (data, binary) => {
      if (!binary) return resolve([heard.digest('hex'), data.toString()]);
      return heard.update(data);
    }));
    for (let i = 0; i < count; i += 1) {
      const kind = random.below(10);
      const data = random.bytes(kind === 0 ? random.below(200_000) : random.below(kind < 5 ? 200 : 5000));
      sent.update(data);
      if (kind === 9 && data.length > 3) {
        const cut = 1 + random.below(data.length - 2);
        socket.send(data.subarray(0, cut), { fin: false, binary: true });
        socket.ping(random.bytes(random.below(100)));
        socket.send(data.subarray(cut), { fin: true });
      } else {
        socket.send(data, { binary: true });
      }
    }
    socket.send(sent.digest('hex'));
  };
  const servers = [];
  const api = await webSocketService(service, {}, (socket) => {
    servers.push(socket);
    talk(socket, 1000 + servers.length, 300);
  });
  const g = await gateway({ services: { api: api.url } });
  for (let seed = 1; seed <= 4; seed += 1) {
    const socket = new WebSocket(`ws://127.0.0.1:${g.port}/api/fuzz`);
    socket.on('open', () => talk(socket, seed, 300));
    await within('the socket', once(socket, 'open'));
    for (const side of [socket, servers.at(-1)]) {
      const [heard, said] = await within('the last message', side.heard);
      assert.equal(heard, said, `seed ${seed}`);
    }
    assert.deepEqual(await closed(socket), [1000, 'bye']);
  }
});

gatewayTest('what is no frame at all passes too: the gateway reads none of it', async ({ rawService, gateway, client }) => {
  const random = generator(7);
  const fromClient = random.bytes(700_000);
  const fromService = random.bytes(700_000);
  const parts = (bytes, seed) => {
    const r = generator(seed);
    const all = [];
    for (let at = 0; at < bytes.length;) {
      const n = 1 + r.below(r.below(4) ? 1500 : 60_000);
      all.push(bytes.subarray(at, at + n));
      at += n;
    }
    return all;
  };
  let heard = Buffer.alloc(0);
  const api = await rawService((socket) => {
    let open = false;
    socket.on('data', (piece) => {
      heard = Buffer.concat([heard, piece]);
      const end = heard.indexOf('\r\n\r\n');
      if (open || end < 0) return;
      open = true;
      heard = heard.subarray(end + 4);
      socket.write(kConfirmed);
      for (const part of parts(fromService, 8)) socket.write(part);
      socket.end();
    });
  });
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  c.send(kOffer('/api/raw'));
  for (const part of parts(fromClient, 9)) c.send(part);  // some of it before the 101
  const answer = await c.answer();
  assert.equal(answer.status, 101);
  assert.equal(answer.get('upgrade'), 'websocket');
  c.endSending();
  assert.ok((await c.rest()).equals(fromService));
  assert.equal(c.wasReset, false);
  await until('all at the service', () => heard.length === fromClient.length);
  assert.ok(heard.equals(fromClient));
});

gatewayTest('a 101 that nobody asked for, or that confirms nothing, opens no tunnel', async ({ rawService, gateway, client }) => {
  const api = await rawService((socket) => {
    socket.on('data', (piece) => {
      const path = piece.toString('latin1').split(' ')[1];
      if (path === '/api/wrong') socket.write(kConfirmed.replace('s3pPLMBiTxaQ9kYGzzhZRbK', 'AAAAAAAAAAAAAAAAAAAAAAA'));
      else if (path === '/api/other') socket.write(kConfirmed.replace('websocket', 'h2c'));
      else socket.write(kConfirmed);
    });
  });
  const g = await gateway({ services: { api: api.url } });
  const ask = async (text) => {
    const c = await client(g);
    c.send(text);
    return c.answer();
  };
  assertProblem(await ask('GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n'), 502, 'upstream_malformed');
  assertProblem(await ask(kOffer('/api/x').replace('Upgrade: websocket', 'Upgrade: h2c')), 502, 'upstream_malformed');
  assertProblem(await ask(kOffer('/api/x').replace('GET', 'DELETE')), 502, 'upstream_malformed');
  assertProblem(await ask(kOffer('/api/wrong')), 502, 'upstream_malformed');
  assertProblem(await ask(kOffer('/api/other')), 502, 'upstream_malformed');
  assert.equal(await g.metric('gatehouse_tunnels'), 0);
  assert.equal((await ask(kOffer('/api/right'))).status, 101);
});

gatewayTest('another answer than 101 is one, and the connection goes on', async ({ service, gateway, client }) => {
  const seen = [];
  const api = await service((req, res) => { seen.push(req.headers); res.end(`${req.method} ${req.url}`); });
  const g = await gateway({ services: { api: api.url }, routes: [{ path: '/fixed', reply: { body: 'fixed' } }] });
  const c = await client(g);
  c.send(kOffer('/api/1') + kOffer('/fixed') + kOffer('/nowhere') + 'GET /api/2 HTTP/1.1\r\nHost: a\r\n\r\n');
  const first = await c.answer();
  assert.deepEqual([first.status, first.text, first.get('upgrade'), first.get('connection')], [200, 'GET /api/1', undefined, undefined]);
  assert.equal((await c.answer()).text, 'fixed');
  assert.equal((await c.answer()).status, 404);
  assert.equal((await c.answer()).text, 'GET /api/2');
  assert.equal(seen[0]['sec-websocket-key'], kKey);
  assert.equal(seen[1].upgrade, undefined);
});

gatewayTest('stream_idle ends a silent tunnel, and nothing else does', async ({ service, gateway }) => {
  const api = await webSocketService(service);
  const g = await gateway({ services: { api: { url: api.url, timeout: '200ms', body_idle: '200ms', deadline: '300ms', stream_idle: '1s' } } });
  const socket = await opened(`ws://127.0.0.1:${g.port}/api/x`);
  const begun = Date.now();
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    socket.send(`${i}`);
    await until('an echo', () => socket.messages.length === i + 1);
  }
  await within('the end', once(socket, 'close'));
  assert.ok(Date.now() - begun >= 2450, `${Date.now() - begun} ms`);
  const record = await g.logged('the end', (r) => r.status === 101);
  assert.equal(record.reason, 'tunnel_idle');
});

gatewayTest('tunnels live through reloads, pin no configuration, and take their leave in the drain', async ({ service, gateway, agent, request }) => {
  const api = await webSocketService(service);
  const config = { drain: '2s', services: { api: { url: api.url, max_in_flight: 100 } } };
  const g = await gateway(config);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => opened(`ws://127.0.0.1:${g.port}/api/x`)));
  for (let i = 0; i < 10; i += 1) {
    // The service itself comes and goes.
    g.write({ ...config, services: i % 2 ? config.services : {}, routes: [{ path: `/v${i}`, reply: { body: `${i}` } }] });
    assert.equal((await g.admin('/reload', { method: 'POST' })).status, 200);
    const fresh = agent();
    await until('the new configuration', async () => (await request(g, `/v${i}`, { dispatcher: fresh })).text === `${i}`);
    sockets.forEach((s) => s.send(`after ${i}`));
    await until('all echoes', () => sockets.every((s) => s.messages.at(-1) === `after ${i}`));
    await until('one configuration', async () => (await g.metric('gatehouse_snapshots')) === 1);
  }
  assert.equal(await g.metric('gatehouse_tunnels'), 20);
  const ends = Promise.all(sockets.map((s) => once(s, 'close')));
  const begun = Date.now();
  g.signal('SIGTERM');
  sockets[0].send('still served');
  await until('an echo in the drain', () => sockets[0].messages.at(-1) === 'still served');
  assert.deepEqual(await within('the end', g.exited, 10_000), { code: 0, signal: null });
  assert.ok(Date.now() - begun >= 1900 && Date.now() - begun < 8000, `${Date.now() - begun} ms`);
  await within('all closes', ends);
  const records = g.log().filter((r) => r.status === 101);
  assert.equal(records.length, 20);
  assert.ok(records.every((r) => r.reason === 'shutting_down'));
});

gatewayTest('a side that breaks off breaks off the other; leases and descriptors come back', async ({ service, gateway, client }) => {
  const api = await webSocketService(service);
  const g = await gateway({ services: { api: { url: api.url, max_in_flight: 5 } } });
  for (let i = 0; i < 30; i += 1) {
    const c = await client(g);
    c.send(kOffer('/api/x'));
    assert.equal((await c.answer()).status, 101, `${i}`);
    await until('the service to have it', () => api.webSockets.clients.size === 1);
    if (i % 3 === 0) c.reset();
    else if (i % 3 === 1) [...api.webSockets.clients][0].terminate();
    else c.endSending();
    await c.isClosed();
    c.endSending();
    await until('its end', async () => api.webSockets.clients.size === 0 && (await g.metric('gatehouse_tunnels')) === 0);
  }
});

gatewayTest('a service that stops listening is heard out, in clear text and over TLS', async ({ rawService, gateway, later }) => {
  const place = temporaryFolder();
  later.push(() => fs.rmSync(place, { recursive: true, force: true }));
  const ca = new Authority(place);
  const { cert, key } = ca.issue('gate', 'DNS:gate.test');
  // Opens, never reads again, says "too much" when the way to it is full, and breaks off with what it has not read.
  const api = await rawService((socket) => {
    socket.once('data', (head) => {
      socket.pause();
      const offer = /sec-websocket-key: (.*)\r\n/i.exec(head.toString('latin1'))[1];
      const accept = createHash('sha1').update(`${offer}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(kConfirmed.replace('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', accept));
      api.tooMuch = () => {
        socket.write(Buffer.from('\x81\x08too much', 'latin1'), () => socket.resetAndDestroy());
        return once(socket, 'close');
      };
    });
  });
  const mine = await freePort();
  const g = await gateway({ listen: { public: {}, secure: { port: mine, bind: '127.0.0.1', tls: { cert, key } } }, services: { api: api.url } });
  for (const url of [`ws://127.0.0.1:${g.port}/api/x`, `wss://127.0.0.1:${mine}/api/x`]) {
    const socket = await opened(url, [], { ca: ca.pem(), servername: 'gate.test' });
    socket.on('error', () => {});
    const chunk = Buffer.alloc(1 << 20, 'u');
    for (let i = 0; i < 32; i += 1) socket.send(chunk);  // more than all buffers on the way hold
    let before;
    await until('the way to be full', () => {
      const still = socket.bufferedAmount > 0 && socket.bufferedAmount === before;
      before = socket.bufferedAmount;
      return still;
    }, { every: 200 });
    const end = once(socket, 'close');
    g.signal('SIGSTOP');  // so that it finds the words and the reset together
    await within('the reset', api.tooMuch());
    g.signal('SIGCONT');
    await within('the end', end);
    assert.deepEqual(socket.messages, ['too much'], url);
  }
  await until('both records', () => g.log().filter((r) => r.reason === 'upstream_reset').length === 2);
});

gatewayTest('a service that refuses the handshake says so itself', async ({ service, gateway }) => {
  const api = await webSocketService(service, { verifyClient: (info, done) => done(false, 403, 'not you') });
  const g = await gateway({ services: { api: api.url } });
  const socket = new WebSocket(`ws://127.0.0.1:${g.port}/api/x`);
  socket.on('error', () => {});
  const [, res] = await within('an answer', once(socket, 'unexpected-response'));
  assert.equal(res.statusCode, 403);
  res.destroy();
  socket.terminate();
});
