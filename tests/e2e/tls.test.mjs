// TLS on both sides, with the clients and servers of others: Node, curl, openssl.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Authority } from './lib/certificates.mjs';
import { temporaryFolder } from './lib/gatehouse.mjs';
import { freePort } from './lib/service.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

function folder(later) {
  const made = temporaryFolder();
  later.push(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

// One request by Node's client; what came back, and what TLS said.
function ask(port, target, { method = 'GET', headers = {}, body, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const req = https.request({ host: '127.0.0.1', port, path: target, method, headers, agent: false, ...options }, (res) => {
      const { socket } = res;  // a kept one is let go at the end
      const spoken = { protocol: socket.getProtocol(), alpn: socket.alpnProtocol, peer: socket.getPeerCertificate() };
      const pieces = [];
      res.on('data', (p) => pieces.push(p));
      res.on('error', reject);
      res.on('end', () => {
        const bytes = Buffer.concat(pieces);
        resolve({ status: res.statusCode, headers: res.headers, bytes, text: bytes.toString(), ...spoken });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

// A service over TLS: answers with what it was told.
async function secureService(later, options, handler = (req, res) => res.end(JSON.stringify({ url: req.url, headers: req.headers }))) {
  const server = https.createServer(options, handler);
  const sockets = new Set();
  server.handshakes = 0;
  server.resumed = 0;
  server.on('secureConnection', (socket) => {
    server.handshakes += 1;
    server.resumed += socket.isSessionReused() ? 1 : 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.drop = () => sockets.forEach((s) => s.destroy());
  later.push(async () => { server.close(); server.drop(); await once(server, 'close'); });
  return server;
}

gatewayTest('the same answers over TLS 1.2 and 1.3, of every size', async ({ service, gateway, later, run }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:gate.test,IP:127.0.0.1');
  const api = await service(async (req, res) => {
    let n = 0;
    for await (const piece of req) n += piece.length;
    const size = Number(new URL(req.url, 'http://x').searchParams.get('size') ?? 0);
    res.setHeader('x-took', n);
    res.setHeader('x-seen', JSON.stringify(req.headers));
    res.end(Buffer.alloc(size, 'gate'));
  });
  const g = await gateway({ listen: { public: { tls: { cert, key }, hsts: 'on' } }, services: { api: api.url } });
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    for (const size of [0, 1, 100, 16384, 1_000_003]) {
      const a = await ask(g.port, `/api/x?size=${size}`, {
        ca: ca.pem(), servername: 'gate.test', minVersion: version, maxVersion: version, ALPNProtocols: ['http/1.1'],
        method: 'POST', body: Buffer.alloc(size, 'b'),
      });
      assert.equal(a.status, 200);
      assert.equal(a.protocol, version);
      assert.equal(a.alpn, 'http/1.1');
      assert.equal(Number(a.headers['x-took']), size);
      assert.ok(a.bytes.equals(Buffer.alloc(size, 'gate')), `${version}, ${size} bytes`);
      assert.equal(a.headers['strict-transport-security'], 'max-age=31536000');
      const seen = JSON.parse(a.headers['x-seen']);
      assert.equal(seen['x-forwarded-proto'], 'https');
      assert.match(seen.forwarded, /proto=https/);
    }
  }
  const curl = await run('curl', ['-sS', '--cacert', ca.cert, '--resolve', `gate.test:${g.port}:127.0.0.1`, `https://gate.test:${g.port}/api/?size=5`]);
  assert.equal(curl.stdout, 'gateg');
});

gatewayTest("Python's ssl, with the name and authority checked", async ({ gateway, later, run }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:localhost');
  const g = await gateway({ listen: { public: { tls: { cert, key } } }, routes: [{ path: '/*', reply: { status: 200, body: 'yes' } }] });
  const program = `
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
c = http.client.HTTPSConnection('localhost', int(sys.argv[1]), context=context)
for i in range(3):
    c.request('GET', '/x'); r = c.getresponse(); print(r.status, r.read().decode(), c.sock.version())
`;
  const out = await run('python3', ['-c', program, String(g.port), ca.cert]);
  assert.equal(out.stdout, '200 yes TLSv1.3\n'.repeat(3), out.stderr);
});

gatewayTest('nginx as a service over TLS, with client certificates', async ({ gateway, request, later }) => {
  const place = folder(later);
  fs.chmodSync(place, 0o755);
  const ca = new Authority(place);
  const { cert, key } = ca.issue('nginx', 'DNS:nginx.test');
  const own = ca.issue('gateway', 'DNS:gateway.test');
  const port = await freePort();
  const config = path.join(place, 'nginx.conf');
  fs.writeFileSync(config, `daemon off; pid ${place}/pid; error_log ${place}/error.log;
    events {} http { access_log off; client_body_temp_path ${place}; proxy_temp_path ${place}; fastcgi_temp_path ${place}; uwsgi_temp_path ${place}; scgi_temp_path ${place};
    server { listen 127.0.0.1:${port} ssl; ssl_protocols TLSv1.3; ssl_certificate ${cert}; ssl_certificate_key ${key};
      ssl_client_certificate ${ca.cert}; ssl_verify_client on;
      location / { return 200 "$ssl_client_s_dn $ssl_protocol $ssl_server_name"; } } }`);
  const nginx = spawn('/usr/sbin/nginx', ['-c', config, '-e', path.join(place, 'error.log')], { stdio: 'inherit' });
  const ended = once(nginx, 'exit');
  later.push(async () => { nginx.kill(); await ended; });
  const services = {
    known: { url: `https://127.0.0.1:${port}`, tls: { ca: ca.cert, cert: own.cert, key: own.key, server_name: 'nginx.test' } },
    unknown: { url: `https://127.0.0.1:${port}`, tls: { ca: ca.cert, server_name: 'nginx.test' } },
  };
  const g = await gateway({ services });
  await until('nginx to serve', async () => (await request(g, '/known/')).status === 200);
  assert.equal((await request(g, '/known/')).text, 'CN=gateway TLSv1.3 nginx.test');
  assert.equal((await request(g, '/unknown/')).status, 400, 'nginx says so itself');
});

gatewayTest('old versions, weak ciphers, renegotiation and foreign protocols are refused', async ({ gateway, later, run }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:gate.test', { rsa: true });
  const g = await gateway({ listen: { public: { tls: { cert, key } } }, routes: [{ path: '/*', reply: 200 }] });
  const say = async (...args) => {
    const r = await run('openssl', ['s_client', '-connect', `127.0.0.1:${g.port}`, '-servername', 'gate.test', ...args], { input: '' });
    return r.stdout + r.stderr;
  };
  assert.match(await say('-tls1_2'), /Cipher is ECDHE-RSA-/);
  assert.match(await say('-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'), /alert protocol version|no protocols available|unsupported protocol/);
  assert.match(await say('-tls1_2', '-cipher', 'AES128-GCM-SHA256'), /handshake failure/);
  assert.match(await say('-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA'), /handshake failure/);
  assert.match(await say('-alpn', 'smtp'), /no application protocol/);
  const renegotiated = await run('openssl', ['s_client', '-connect', `127.0.0.1:${g.port}`, '-tls1_2'], { input: 'R\n' });
  assert.match(renegotiated.stderr + renegotiated.stdout, /:no renegotiation/);
  assert.match(await say('-tls1_2'), /Compression: NONE/);
});

gatewayTest('plain HTTP on a TLS port gets a clear 400; silence and garbage are closed', async ({ gateway, later, client }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:gate.test');
  const g = await gateway({ listen: { public: { tls: { cert, key }, timeouts: { handshake: '1s' } } }, routes: [{ path: '/*', reply: 200 }] });
  const talk = async (bytes) => {
    const socket = net.connect(g.port, '127.0.0.1');
    socket.on('error', () => {});
    let got = '';
    socket.setEncoding('latin1').on('data', (s) => { got += s; });
    if (bytes) socket.write(bytes);
    await once(socket, 'close');
    return got;
  };
  assert.match(await talk('GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis port speaks HTTPS/);
  assert.equal((await talk('')).length, 0);
  assert.ok((await talk(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]))).length < 100);
  assert.equal((await ask(g.port, '/', { ca: ca.pem(), servername: 'gate.test' })).status, 200);
  void client;
});

gatewayTest('certificates by SNI, two kinds side by side; 421 only where another certificate would fit', async ({ gateway, later }) => {
  const ca = new Authority(folder(later));
  const one = ca.issue('one', 'DNS:one.test');
  const rsa = ca.issue('one-rsa', 'DNS:one.test', { rsa: true });
  const wild = ca.issue('wild', 'DNS:*.wild.test');
  const pair = ({ cert, key }) => ({ cert, key });
  const g = await gateway({ listen: { public: { tls: [pair(one), pair(rsa), pair(wild)] } }, routes: [{ path: '/*', reply: 200 }] });
  const shown = async (servername, more = {}) => {
    const a = await ask(g.port, '/', { ca: ca.pem(), servername, checkServerIdentity: () => undefined, headers: { host: servername || 'x' }, ...more });
    return `${a.status} ${a.peer.subject.CN}`;
  };
  assert.equal(await shown('one.test'), '200 one');
  assert.equal(await shown('a.wild.test'), '200 wild');
  assert.equal(await shown('elsewhere.test'), '200 one');
  assert.equal(await shown('one.test', { sigalgs: 'RSA-PSS+SHA256' }), '200 one-rsa');
  assert.equal(await shown('one.test', { headers: { host: 'a.wild.test' } }), '421 one');
  assert.equal(await shown('one.test', { headers: { host: 'elsewhere.test' } }), '200 one');
  assert.equal(await shown('', { headers: { host: 'a.wild.test' } }), '200 one', 'no SNI was sent');
});

gatewayTest('client certificates: required, optional, and as conditions', async ({ gateway, later }) => {
  const ca = new Authority(folder(later));
  const other = new Authority(folder(later), 'stranger');
  const { cert, key } = ca.issue('server', 'DNS:gate.test');
  const orders = ca.issue('orders', 'URI:spiffe://mesh/orders,DNS:orders.mesh');
  const strange = other.issue('strange', 'DNS:orders.mesh');
  const mesh = await freePort();
  const g = await gateway({
    listen: {
      public: { tls: { cert, key, client_ca: ca.cert, client: 'optional' } },
      mesh: { port: mesh, bind: '127.0.0.1', tls: { cert, key, client_ca: ca.cert } },
    },
    routes: [
      { path: '/', when: { 'cert.san': 'spiffe://mesh/orders', 'cert.subject': 'CN=orders' }, reply: { status: 200, body: 'orders' } },
      { path: '/', when: { 'cert.sha256': 'not *' }, reply: { status: 200, body: 'nobody' } },
    ],
  });
  const with_ = (id) => ({ ca: ca.pem(), servername: 'gate.test', ...(id && { cert: id.pem, key: id.keyPem }) });
  assert.equal((await ask(g.port, '/', with_())).text, 'nobody');
  assert.equal((await ask(g.port, '/', with_(orders))).text, 'orders');
  await assert.rejects(ask(g.port, '/', with_(strange)));
  assert.equal((await ask(mesh, '/', with_(orders))).text, 'orders');
  await assert.rejects(ask(mesh, '/', with_()), /certificate required|ECONNRESET|alert/);
});

// A session of TLS 1.2 or 1.3, as Node's client keeps it.
function sessionOf(port, options) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ...options });
    socket.on('error', reject);
    let session;
    socket.on('session', (s) => { session = s; });
    let got = '';
    let resumed;
    socket.on('secureConnect', () => {
      resumed = socket.isSessionReused();
      socket.write('GET / HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n');
    });
    socket.setEncoding('latin1').on('data', (s) => { got += s; });
    socket.on('close', () => resolve({ session, resumed, got }));
  });
}

gatewayTest('sessions go on at the same listener, over reloads and workers, and nowhere else', async ({ gateway, later }) => {
  const ca = new Authority(folder(later));
  const another = new Authority(folder(later), 'another');
  const { cert, key } = ca.issue('server', 'DNS:gate.test');
  const own = ca.issue('orders', 'DNS:orders.mesh');
  const internal = await freePort();
  const config = (more = {}) => ({
    workers: 2,
    listen: {
      public: { tls: { cert, key } },
      internal: { port: internal, bind: '127.0.0.1', tls: { cert, key, client_ca: ca.cert, client: 'optional', ...more } },
    },
    routes: [{ path: '/*', reply: { status: 200, body: JSON.stringify(more) } }],
  });
  const g = await gateway(config());
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const options = { ca: ca.pem(), servername: 'gate.test', minVersion: version, maxVersion: version };
    const first = await sessionOf(g.port, options);
    assert.equal(first.resumed, false);
    for (let i = 0; i < 8; ++i) assert.equal((await sessionOf(g.port, { ...options, session: first.session })).resumed, true, version);
    assert.equal((await sessionOf(internal, { ...options, session: first.session })).resumed, false, 'a ticket of public at internal');
  }
  const mesh = { ca: ca.pem(), servername: 'gate.test', cert: own.pem, key: own.keyPem };
  const before = await sessionOf(internal, mesh);
  assert.equal((await sessionOf(internal, { ...mesh, session: before.session })).resumed, true);
  const inForce = async (more) => {
    g.write(config(more));
    await until('the reload', async () => (await sessionOf(g.port, { ca: ca.pem(), servername: 'gate.test' })).got.endsWith(JSON.stringify(more)));
  };
  await inForce({ min: '1.3' });
  assert.equal((await sessionOf(internal, { ...mesh, session: before.session })).resumed, true, 'a reload that changes neither');
  const both = path.join(ca.folder, 'both.pem');
  fs.writeFileSync(both, Buffer.concat([ca.pem(), another.pem()]));
  await inForce({ client_ca: both });
  assert.equal((await sessionOf(internal, { ...mesh, session: before.session })).resumed, false, 'other CAs');
  const now = await sessionOf(internal, mesh);
  await inForce({ client_ca: both, client: 'required' });
  assert.equal((await sessionOf(internal, { ...mesh, session: now.session })).resumed, false, 'required instead of optional');
});

gatewayTest('certificates are loaded anew when their files change; a wrong pair changes nothing', async ({ gateway, later }) => {
  const ca = new Authority(folder(later));
  const place = folder(later);
  const first = ca.issue('first', 'DNS:gate.test');
  const second = ca.issue('second', 'DNS:gate.test');
  const third = ca.issue('third', 'DNS:gate.test');
  // As Kubernetes mounts it: files through a link that is swapped.
  const put = (name, cert, key) => {
    fs.mkdirSync(path.join(place, name));
    fs.copyFileSync(cert, path.join(place, name, 'tls.crt'));
    fs.copyFileSync(key, path.join(place, name, 'tls.key'));
    fs.symlinkSync(name, path.join(place, '..new'));
    fs.renameSync(path.join(place, '..new'), path.join(place, '..data'));
  };
  put('1', first.cert, first.key);
  for (const f of ['tls.crt', 'tls.key']) fs.symlinkSync(path.join('..data', f), path.join(place, f));
  const g = await gateway({
    listen: { public: { tls: { cert: path.join(place, 'tls.crt'), key: path.join(place, 'tls.key') } } }, routes: [{ path: '/*', reply: 200 }],
  });
  const shown = async () => (await ask(g.port, '/', { ca: ca.pem(), servername: 'gate.test' })).peer.subject.CN;
  assert.equal(await shown(), 'first');
  put('2', second.cert, second.key);
  await until('the second certificate', async () => (await shown()) === 'second');
  put('3', third.cert, second.key);
  await until(() => `the complaint: ${g.stderr}`, () => /tls\.key` does not belong to the certificate/.test(g.stderr));
  assert.equal(await shown(), 'second');
  put('4', third.cert, third.key);
  await until('the third certificate', async () => (await shown()) === 'third');
  assert.ok(!g.stderr.includes('PRIVATE KEY'));
});

gatewayTest('certificates replaced a hundred times under load: no request fails', async ({ gateway, later }) => {
  const ca = new Authority(folder(later));
  const place = folder(later);
  const pairs = ['even', 'odd'].map((name) => ca.issue(name, 'DNS:gate.test'));
  const put = (n) => {
    const { cert, key } = pairs[n % 2];
    // Both in one file, renamed over it: there is no moment with half of each.
    fs.writeFileSync(path.join(place, 'new'), Buffer.concat([fs.readFileSync(cert), fs.readFileSync(key)]));
    fs.renameSync(path.join(place, 'new'), path.join(place, 'both.pem'));
  };
  put(0);
  const g = await gateway({ workers: 2, listen: { public: { tls: { cert: path.join(place, 'both.pem') } } }, routes: [{ path: '/*', reply: { status: 200, body: 'yes' } }] });
  const options = { ca: ca.pem(), servername: 'gate.test' };
  let stop = false;
  let served = 0;
  const failed = [];
  const kept = new https.Agent({ keepAlive: true, maxSockets: 3, ...options });
  later.push(() => kept.destroy());
  const client = async (agent) => {
    while (!stop) {
      try {
        const a = await ask(g.port, '/', agent ? { agent, ...options } : options);
        if (a.text !== 'yes') failed.push(`${a.status} ${a.text}`);
        served += 1;
      } catch (e) {
        failed.push(String(e));
      }
    }
  };
  const clients = [client(kept), client(kept), client(), client()];
  for (let n = 1; n <= 100; ++n) {
    put(n);
    const name = n % 2 ? 'odd' : 'even';
    await until(`replacement ${n}`, async () => (await ask(g.port, '/', options)).peer.subject.CN === name);
  }
  stop = true;
  await Promise.all(clients);
  assert.deepEqual(failed, []);
  assert.ok(served > 500, `${served} requests`);
  console.log(`  100 replacements, ${served} requests, ${failed.length} failed`);
}, { timeout: 300_000 });

gatewayTest('a listener in clear text sends everything to HTTPS', async ({ service, gateway, request, later }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:gate.test');
  const secure = await freePort();
  const api = await service((req, res) => res.end('never in clear text'));
  const g = await gateway({
    listen: { public: { redirect: `https:${secure}` }, secure: { port: secure, bind: '127.0.0.1', tls: { cert, key } } },
    services: { api: api.url },
  });
  const a = await request(g, '/api/x?y=1&z=%20', { headers: { host: 'gate.test:80' }, method: 'POST' });
  assert.equal(a.status, 308);
  assert.equal(a.headers.location, `https://gate.test:${secure}/api/x?y=1&z=%20`);
  assert.equal(a.headers['strict-transport-security'], undefined);
  assert.equal(api.connections, 0);
});

gatewayTest('services over TLS are verified by name and authority, asked by SNI, and shown our certificate', async ({ gateway, request, later }) => {
  const ca = new Authority(folder(later));
  const stranger = new Authority(folder(later), 'stranger');
  const good = ca.issue('users', 'DNS:users.test,IP:127.0.0.1');
  const own = ca.issue('gateway', 'DNS:gateway.test');
  const service = await secureService(later, { cert: good.pem, key: good.keyPem, ca: ca.pem(), requestCert: true, rejectUnauthorized: false },
    (req, res) => res.end(JSON.stringify({ sni: req.socket.servername, client: req.socket.getPeerCertificate().subject?.CN, url: req.url })));
  const wrong = async (name, names, options) => {
    const authority = options?.stranger ? stranger : ca;
    const c = authority.issue(name, names, options);
    return secureService(later, { cert: c.pem, key: c.keyPem });
  };
  const expired = await wrong('expired', 'IP:127.0.0.1', { days: -1 });
  const named = await wrong('named', 'DNS:elsewhere.test');
  const strange = await wrong('strange', 'IP:127.0.0.1', { stranger: true });
  const plain = net.createServer((s) => { s.on('error', () => {}); s.once('data', () => s.end('HTTP/1.1 400 Bad Request\r\n\r\n')); }).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  later.push(() => plain.close());
  const url = (s) => `https://127.0.0.1:${s.address().port}`;
  const g = await gateway({
    services: {
      users: { url: url(service), tls: { ca: ca.cert, cert: own.cert, key: own.key, server_name: 'users.test' } },
      address: { url: url(service), tls: { ca: ca.cert } },
      system: { url: url(service) },
      expired: { url: url(expired), tls: { ca: ca.cert } },
      named: { url: url(named), tls: { ca: ca.cert } },
      strange: { url: url(strange), tls: { ca: ca.cert } },
      trusting: { url: url(strange), tls: { verify: 'off' } },
      plain: { url: url(plain), tls: { ca: ca.cert } },
    },
  });
  assert.deepEqual((await request(g, '/users/a')).json(), { sni: 'users.test', client: 'gateway', url: '/users/a' });
  assert.deepEqual((await request(g, '/address/a')).json(), { sni: false, url: '/address/a' });
  for (const [name, reason] of Object.entries({
    system: 'upstream_certificate', expired: 'upstream_certificate', named: 'upstream_certificate', strange: 'upstream_certificate', plain: 'upstream_tls',
  })) {
    const a = await request(g, `/${name}/x`);
    assert.equal(a.status, 502, name);
    assert.equal(a.json().reason, reason, name);
    assert.equal(a.json().detail, undefined, name);
  }
  assert.equal((await request(g, '/trusting/x')).status, 200);
  assert.match(g.stderr, /warning: the service's certificate is not checked/);
});

gatewayTest('connections to a service over TLS are pooled, and their sessions go on', async ({ gateway, request, later }) => {
  const ca = new Authority(folder(later));
  const c = ca.issue('users', 'IP:127.0.0.1');
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const service = await secureService(later, { cert: c.pem, key: c.keyPem, minVersion: version, maxVersion: version });
    const g = await gateway({ services: { users: { url: `https://127.0.0.1:${service.address().port}`, tls: { ca: ca.cert } } } });
    for (let i = 0; i < 10; ++i) assert.equal((await request(g, `/users/${i}`)).json().url, `/users/${i}`);
    assert.equal(service.handshakes, 1, version);
    service.drop();
    for (let i = 0; i < 3; ++i) assert.equal((await request(g, '/users/again')).status, 200);
    assert.equal(service.handshakes, 2, version);
    assert.equal(service.resumed, 1, version);
  }
});

gatewayTest('a body that ends without close_notify is cut, one that ends with it is whole', async ({ gateway, later }) => {
  const ca = new Authority(folder(later));
  const c = ca.issue('users', 'IP:127.0.0.1');
  let answering;
  const server = tls.createServer({ cert: c.pem, key: c.keyPem }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\n\r\nhalf of it'); answering = socket; });
  }).listen(0, '127.0.0.1');
  // Stands between, and can end the connection as whoever stands there can.
  let between;
  const middle = net.createServer((from) => {
    const to = net.connect(server.address().port, '127.0.0.1');
    for (const s of [from, to]) s.on('error', () => {});
    to.pipe(from);
    from.pipe(to);
    between = () => { to.unpipe(from); from.end(); };
  }).listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(middle, 'listening')]);
  later.push(() => { server.close(); middle.close(); });
  const g = await gateway({ services: { users: { url: `https://127.0.0.1:${middle.address().port}`, tls: { ca: ca.cert } } } });
  const answer = (end) => new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: g.port, path: '/users/x', agent: false }, (res) => {
      let got = '';
      res.setEncoding('latin1').on('data', (s) => { got += s; end(); });
      res.on('end', () => resolve(got));
      res.on('error', reject);
    }).on('error', reject);
  });
  assert.equal(await answer(() => answering.end()), 'half of it');
  await assert.rejects(answer(() => between()), /aborted|ECONNRESET/);
});

gatewayTest('the memory of a crowd that has left goes back to the system', async ({ gateway, later }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:localhost');
  const g = await gateway({ listen: { public: { tls: { cert, key } } }, routes: [{ path: '/*', reply: { body: 'yes' } }] });
  const come = async (n) => {
    const crowd = [];
    for (let i = 0; i < n; ++i) {
      const socket = tls.connect({ host: '127.0.0.1', port: g.port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      crowd.push(socket);
    }
    return crowd;
  };
  const leave = (crowd) => Promise.all(crowd.map((socket) => { socket.destroy(); return once(socket, 'close'); }));
  await leave(await come(20));  // what is loaded and filled once is nobody's
  const before = g.residentBytes();
  const crowd = await come(1000);
  const grown = g.residentBytes() - before;
  assert.ok(grown > 10e6, `${grown} bytes for 1000 connections`);
  await leave(crowd);
  await until(() => `less than half of ${grown} bytes; it is ${g.residentBytes() - before}`, () => g.residentBytes() - before < grown / 2);
});
