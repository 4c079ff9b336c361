// A table of handshakes: which stand, and which have to fail. Each is made by Node's client, some through a stream that
// cuts or spoils what it says first.
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { Duplex } from 'node:stream';
import { Authority } from './lib/certificates.mjs';
import { temporaryFolder } from './lib/gatehouse.mjs';
import { freePort } from './lib/service.mjs';
import { assert, gatewayTest } from './lib/test.mjs';

// 'ok CN version', or 'no' if the handshake failed or nothing was answered.
function shake(port, options = {}, through) {
  return new Promise((resolve) => {
    const plain = net.connect(port, '127.0.0.1');
    plain.on('error', () => {});
    const socket = tls.connect({ socket: through ? through(plain) : plain, rejectUnauthorized: false, servername: 'one.test', ...options });
    let said = 'no';
    let got = '';
    socket.on('error', () => {});
    socket.on('secureConnect', () => {
      said = `ok ${socket.getPeerCertificate().subject.CN} ${socket.getProtocol()} ${socket.alpnProtocol || '-'}`;
      socket.write(`GET / HTTP/1.1\r\nHost: ${options.servername || 'one.test'}\r\nConnection: close\r\n\r\n`);
    });
    socket.setEncoding('latin1').on('data', (s) => { got += s; });
    socket.on('close', () => { plain.destroy(); resolve(got.startsWith('HTTP/1.1 200') ? said : 'no'); });
  });
}

// What is written first (the ClientHello, one record) goes out as `change` makes it.
const first = (change) => (plain) => {
  let begun = false;
  const duplex = new Duplex({
    read() {},
    write(chunk, _, done) {
      if (begun) return plain.write(chunk, done);
      begun = true;
      for (const piece of change(chunk)) plain.write(piece);
      done();
    },
    final(done) { plain.end(done); },
  });
  plain.on('data', (d) => duplex.push(d));
  plain.on('end', () => duplex.push(null));
  plain.on('close', () => duplex.destroy());
  return duplex;
};
const record = (body) => Buffer.concat([Buffer.from([0x16, 3, 1, body.length >> 8, body.length & 255]), body]);

// Bytes that are no client's hello: what comes back before the end, in hex.
function raw(port, bytes, { end = false } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const pieces = [];
    socket.on('error', () => {});
    socket.on('data', (d) => pieces.push(d));
    socket.on('close', () => resolve(Buffer.concat(pieces)));
    socket.write(bytes);
    if (end) socket.end();
  });
}

gatewayTest('handshakes that stand and handshakes that fail', async ({ gateway, later }) => {
  const folder = temporaryFolder();
  later.push(() => fs.rmSync(folder, { recursive: true, force: true }));
  const ca = new Authority(folder);
  const stranger = new Authority(folder, 'stranger');
  const one = ca.issue('one', 'DNS:one.test');
  const rsa = ca.issue('rsa', 'DNS:one.test', { rsa: true });
  const wild = ca.issue('wild', 'DNS:*.wild.test');
  const pair = ({ cert, key }) => ({ cert, key });
  const ports = { only13: await freePort(), required: await freePort(), optional: await freePort() };
  const all = [pair(one), pair(rsa), pair(wild)];
  const g = await gateway({
    listen: {
      public: { tls: all, timeouts: { handshake: '2s' } },
      only13: { port: ports.only13, bind: '127.0.0.1', tls: { ...pair(one), min: '1.3' } },
      required: { port: ports.required, bind: '127.0.0.1', tls: { ...pair(one), client_ca: ca.cert } },
      optional: { port: ports.optional, bind: '127.0.0.1', tls: { ...pair(one), client_ca: ca.cert, client: 'optional' } },
    },
    routes: [{ path: '/*', reply: { status: 200, body: 'yes' } }],
  });
  const { port } = g;
  const only = (version) => ({ minVersion: version, maxVersion: version });
  const old = { ciphers: 'DEFAULT@SECLEVEL=0' };
  const suite = (name) => ({ ...only('TLSv1.2'), ciphers: `${name}@SECLEVEL=0` });
  const shown = (issued) => ({ cert: issued.pem, key: issued.keyPem });
  const mesh = ca.issue('mesh', 'DNS:mesh.test');
  const expired = ca.issue('expired', 'DNS:mesh.test', { days: -1 });
  const strange = stranger.issue('strange', 'DNS:mesh.test');
  const server = ca.issue('server-only', 'DNS:mesh.test', { usage: 'serverAuth' });
  const rows = [
    ['TLS 1.3', port, only('TLSv1.3'), 'ok one TLSv1.3 -'],
    ['TLS 1.2', port, only('TLSv1.2'), 'ok one TLSv1.2 -'],
    ['TLS 1.1', port, { ...only('TLSv1.1'), ...old }, 'no'],
    ['TLS 1.0', port, { ...only('TLSv1'), ...old }, 'no'],
    ['1.3 where it is the least', ports.only13, only('TLSv1.3'), 'ok one TLSv1.3 -'],
    ['1.2 where 1.3 is the least', ports.only13, only('TLSv1.2'), 'no'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305']
      .map((s) => [s, port, suite(s), 'ok one TLSv1.2 -']),
    ...['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-CHACHA20-POLY1305']
      .map((s) => [s, port, suite(s), 'ok rsa TLSv1.2 -']),
    ...['AES128-GCM-SHA256', 'AES256-SHA', 'DHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'ECDHE-RSA-NULL-SHA', 'AECDH-AES128-SHA']
      .map((s) => [s, port, suite(s), 'no']),
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
      .map((s) => [s, port, { ...only('TLSv1.3'), ciphers: s }, 'ok one TLSv1.3 -']),
    ...['X25519', 'P-256', 'P-384'].map((c) => [c, port, { ecdhCurve: c }, 'ok one TLSv1.3 -']),
    ['P-521', port, { ecdhCurve: 'P-521' }, 'no'],
    ['another first guess of a group', port, { ecdhCurve: 'P-521:P-256' }, 'ok one TLSv1.3 -'],
    ['SNI in capitals', port, { servername: 'ONE.test' }, 'ok one TLSv1.3 -'],
    ['SNI of a wildcard', port, { servername: 'a.wild.test' }, 'ok wild TLSv1.3 -'],
    ['two labels for one star', port, { servername: 'a.b.wild.test' }, 'ok one TLSv1.3 -'],
    ['the wildcard itself', port, { servername: 'wild.test' }, 'ok one TLSv1.3 -'],
    ['an unknown SNI', port, { servername: 'elsewhere.test' }, 'ok one TLSv1.3 -'],
    ['no SNI', port, { servername: '' }, 'ok one TLSv1.3 -'],
    ['a long SNI', port, { servername: `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.test` }, 'ok one TLSv1.3 -'],
    ['RSA alone', port, { sigalgs: 'RSA-PSS+SHA256' }, 'ok rsa TLSv1.3 -'],
    ['ALPN http/1.1', port, { ALPNProtocols: ['http/1.1'] }, 'ok one TLSv1.3 http/1.1'],
    ['ALPN h2 before http/1.1', port, { ALPNProtocols: ['h2', 'http/1.1'] }, 'ok one TLSv1.3 http/1.1'],
    ['ALPN h2 alone', port, { ALPNProtocols: ['h2'] }, 'no'],
    ['ALPN of a mail server', port, { ALPNProtocols: ['smtp', 'imap'] }, 'no'],
    ['required: none', ports.required, {}, 'no'],
    ['required: ours', ports.required, shown(mesh), 'ok one TLSv1.3 -'],
    ['required, 1.2: ours', ports.required, { ...shown(mesh), ...only('TLSv1.2') }, 'ok one TLSv1.2 -'],
    ['required, 1.2: none', ports.required, only('TLSv1.2'), 'no'],
    ['required: expired', ports.required, shown(expired), 'no'],
    ['required: another authority', ports.required, shown(strange), 'no'],
    ['required: for servers only', ports.required, shown(server), 'no'],
    ['optional: none', ports.optional, {}, 'ok one TLSv1.3 -'],
    ['optional: ours', ports.optional, shown(mesh), 'ok one TLSv1.3 -'],
    ['optional: another authority', ports.optional, shown(strange), 'no'],
    ['optional: expired', ports.optional, shown(expired), 'no'],
    ['the hello a byte at a time', port, {}, 'ok one TLSv1.3 -', first((c) => [...c].map((b) => Buffer.from([b])))],
    ['the hello in records of a byte', port, {}, 'ok one TLSv1.3 -', first((c) => [...c.subarray(5)].map((b) => record(Buffer.from([b]))))],
    ['the hello in two records', port, {}, 'ok one TLSv1.3 -', first((c) => [record(c.subarray(5, 50)), record(c.subarray(50))])],
    ['a hello with a byte changed', port, {}, 'no', first((c) => { c[5] = 2; return [c]; })],
    ['a hello of a foreign version', port, {}, 'no', first((c) => { c[1] = 9; return [c]; })],
    ['half a hello', port, {}, 'no', first((c) => [c.subarray(0, c.length >> 1)])],
    ['a hello whose length lies', port, {}, 'no', first((c) => { c[6] = 0xff; return [c]; })],
    ['an empty record before it (OpenSSL takes 32)', port, {}, 'ok one TLSv1.3 -', first((c) => [record(Buffer.alloc(0)), c])],
    ['a hundred empty records before it', port, {}, 'no', first((c) => [...Array(100).fill(record(Buffer.alloc(0))), c])],
  ];
  assert.ok(rows.length >= 40);
  const wrong = [];
  for (const [name, at, options, expected, through] of rows) {
    const got = await shake(at, options, through);
    if (got !== expected) wrong.push(`${name}: ${got}, expected ${expected}`);
  }
  assert.deepEqual(wrong, []);
  const spoiled = {
    garbage: [Buffer.alloc(2000, 0xa5), {}],
    'an oversized record': [Buffer.concat([Buffer.from([0x16, 3, 1, 0xff, 0xff]), Buffer.alloc(20000)]), {}],
    'an alert first': [Buffer.from([0x15, 3, 3, 0, 2, 2, 40]), {}],
    'data first': [Buffer.from([0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]), {}],
    'a change of ciphers first': [Buffer.from([0x14, 3, 3, 0, 1, 1]), {}],
    'a hello of SSL 2': [Buffer.from([0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10]), { end: true }],
    'the preface of HTTP/2': [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), {}],
    'a head of a record, then the end': [Buffer.from([0x16, 3, 1]), { end: true }],
  };
  for (const [name, [bytes, how]] of Object.entries(spoiled)) {
    const back = await raw(port, bytes, how);
    assert.ok(back.length < 300, `${name}: ${back.length} bytes`);
    assert.ok(!back.includes('200 OK'), name);
  }
  assert.equal(await shake(port), 'ok one TLSv1.3 -');
});
