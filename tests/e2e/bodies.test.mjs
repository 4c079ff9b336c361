// Large bodies, both ways: every byte arrives, and the gateway's memory does not grow with them.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { room } from './lib/service.mjs';
import { assert, gatewayTest } from './lib/test.mjs';

const kPiece = Buffer.alloc(65536);
for (let i = 0; i < kPiece.length; i += 1) kPiece[i] = (i * 31 + (i >> 8)) & 255;
const kPieces = 3200;  // 200 MB
const kBytes = kPieces * kPiece.length;
const kSha256 = (() => {
  const hash = createHash('sha256');
  for (let i = 0; i < kPieces; i += 1) hash.update(kPiece);
  return hash.digest('hex');
})();

function pieces() {
  let left = kPieces;
  return new Readable({ read() { this.push(left-- > 0 ? kPiece : null); } });
}

class Peak {
  constructor(gateway) {
    this.start = this.peak = gateway.residentBytes();
    this.timer = setInterval(() => { this.peak = Math.max(this.peak, gateway.residentBytes()); }, 20);
  }
  grown() {
    clearInterval(this.timer);
    return this.peak - this.start;
  }
}

for (const [framing, headers] of [['chunked', {}], ['Content-Length', { 'content-length': kBytes }]]) {
  gatewayTest(`200 MB up, ${framing}`, async ({ service, gateway, request }) => {
    const api = await service();
    const g = await gateway({ services: { api: api.url } });
    await request(g, '/api/warm');
    const peak = new Peak(g);
    const answer = (await request(g, '/api/up', { method: 'POST', headers, body: pieces() })).json();
    const grown = peak.grown();
    assert.equal(answer.bytes, kBytes);
    assert.equal(answer.sha256, kSha256);
    assert.ok(grown < 4e6, `the process grew by ${grown} bytes`);
    const record = await g.logged('the upload', (r) => r.path === '/api/up');
    assert.equal(record.bytes_in, kBytes);
  });

  gatewayTest(`200 MB down, ${framing}`, async ({ service, gateway, agent }) => {
    const api = await service(async (req, res) => {
      if (headers['content-length']) res.setHeader('content-length', kBytes);
      for (let i = 0; i < kPieces; i += 1) if (!res.write(kPiece)) await room(res);
      res.end();
    });
    const g = await gateway({ services: { api: api.url } });
    const peak = new Peak(g);
    const answer = await agent().request({ origin: `http://127.0.0.1:${g.port}`, path: '/api/down', method: 'GET' });
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of answer.body) {
      hash.update(piece);
      bytes += piece.length;
    }
    const grown = peak.grown();
    assert.equal(bytes, kBytes);
    assert.equal(hash.digest('hex'), kSha256);
    assert.ok(grown < 4e6, `the process grew by ${grown} bytes`);
    assert.equal((await g.logged('the download', (r) => r.path === '/api/down')).bytes_out, kBytes);
  });
}

gatewayTest('100 slow downloads at a time: less than 128 KB each', async ({ service, gateway, client }) => {
  const api = await service(async (req, res) => {
    res.on('error', () => {});
    for (let i = 0; i < 1000 && !res.destroyed; i += 1) {
      if (!res.write(kPiece)) await room(res);
    }
  });
  const g = await gateway({ services: { api: api.url } });
  const before = g.residentBytes();
  const clients = [];
  for (let i = 0; i < 100; i += 1) {
    const c = await client(g);
    c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
    await c.has(1000);
    c.socket.pause();
    clients.push(c);
  }
  const each = (g.residentBytes() - before) / clients.length;
  assert.ok(each < 128 * 1024, `${each} bytes each`);
});

gatewayTest('bodies of every size around the edges of blocks, both ways', async ({ service, gateway, agent, request }) => {
  const api = await service(async (req, res) => {
    const body = [];
    for await (const piece of req) body.push(piece);
    res.end(Buffer.concat(body));
  });
  const g = await gateway({ services: { api: api.url } });
  const dispatcher = agent({ connections: 2 });
  const sizes = [0, 1, 2, 255, 256];
  for (const edge of [4096, 8192, 16384, 32768, 65536]) for (let d = -3; d <= 3; d += 1) sizes.push(edge + d);
  for (const size of sizes) {
    const body = Buffer.concat([kPiece, kPiece]).subarray(7, 7 + size);
    for (const chunked of [false, true]) {
      const answer = await request(g, `/api/${size}`, { method: 'POST', body: chunked ? Readable.from([body]) : body, dispatcher });
      assert.equal(answer.status, 200);
      assert.ok(answer.bytes.equals(body), `${size} bytes, chunked ${chunked}: ${answer.bytes.length} came back`);
    }
  }
});
