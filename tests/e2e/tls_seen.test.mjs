// What whoever runs the gateway sees of TLS: the access log, failed handshakes, keys; and what the system trusts.
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { once } from 'node:events';
import { Authority } from './lib/certificates.mjs';
import { kBinary, temporaryFolder } from './lib/gatehouse.mjs';
import { freePort } from './lib/service.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

function folder(later) {
  const made = temporaryFolder();
  later.push(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

// A connection of Node's, one request on it, and its end. Resolves to the last session, or rejects.
function ask(port, options) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'gate.test', rejectUnauthorized: false, ...options });
    let session;
    socket.on('session', (s) => { session = s; });
    socket.on('error', reject);
    socket.on('secureConnect', () => socket.write(`GET ${options?.target ?? '/'} HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n`));
    socket.resume();
    socket.on('close', () => resolve(session));
  });
}

gatewayTest('the access log says what is known of TLS', async ({ gateway, request, later }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:gate.test');
  const orders = ca.issue('orders', 'DNS:orders.mesh', { subject: 'orders "1"' });
  const plain = await freePort();
  const listen = { public: { tls: { cert, key, client_ca: ca.cert, client: 'optional' } }, plain: { port: plain, bind: '127.0.0.1' } };
  const routes = [{ path: '/*', reply: 200 }];
  const byDefault = await gateway({ listen, routes });
  await ask(byDefault.port, { target: '/secure' });
  await request({ port: plain }, '/plain');
  assert.equal((await byDefault.logged('the one over TLS', (r) => r.path === '/secure')).tls, 'TLSv1.3');
  assert.ok(!('tls' in await byDefault.logged('the other', (r) => r.path === '/plain')));

  const fields = ['path', 'tls', 'tls_cipher', 'tls_sni', 'tls_resumed', 'tls_client'];
  listen.plain.port = await freePort();
  const g = await gateway({ listen, routes, log: { to: path.join(folder(later), 'log'), fields } });
  g.logFile = JSON.parse(fs.readFileSync(g.file)).log.to;
  const session = await ask(g.port, { target: '/one', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' });
  await ask(g.port, { target: '/two', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2', session });
  await ask(g.port, { target: '/three', cert: orders.pem, key: orders.keyPem });
  await request({ port: listen.plain.port }, '/four');
  await g.logged('all of them', (r) => r.path === '/four');
  const suite = { tls: 'TLSv1.2', tls_cipher: 'ECDHE-ECDSA-AES128-GCM-SHA256', tls_sni: 'gate.test', tls_client: '' };
  assert.deepEqual(g.log(), [
    { path: '/one', ...suite, tls_resumed: false },
    { path: '/two', ...suite, tls_resumed: true },
    { path: '/three', tls: 'TLSv1.3', tls_cipher: 'TLS_AES_256_GCM_SHA384', tls_sni: 'gate.test', tls_resumed: false, tls_client: 'CN=orders \\"1\\"' },
    { path: '/four', tls: '', tls_cipher: '', tls_sni: '', tls_resumed: false, tls_client: '' },
  ]);
});

gatewayTest('why handshakes of clients fail is said, and floods of them in few lines', async ({ gateway, later, run }) => {
  const ca = new Authority(folder(later));
  const { cert, key } = ca.issue('server', 'DNS:gate.test');
  const expired = ca.issue('expired', 'DNS:a', { days: -1 });
  const g = await gateway({
    listen: { public: { tls: { cert, key, client_ca: ca.cert, client: 'optional' }, timeouts: { handshake: '1s' } } }, routes: [{ path: '/*', reply: 200 }],
  }, { args: ['--json'] });
  const lines = () => g.stderr.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l)).filter((l) => /handshake/.test(l.message));
  const said = (reason) => until(() => `a line of ${reason} among ${g.stderr}`, () => lines().find((l) => reason.test(l.reason)));
  const talk = async (bytes) => {
    const socket = net.connect(g.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write(bytes);
    await once(socket, 'close');
  };
  const old = { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' };
  await assert.rejects(ask(g.port, old));
  const line = await said(/^unsupported protocol$/);
  assert.deepEqual({ ...line, time: undefined },
    { time: undefined, level: 'info', message: 'a TLS handshake failed', listener: 'public', client: '127.0.0.1', reason: 'unsupported protocol', count: 1 });
  await assert.rejects(ask(g.port, { ciphers: 'AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }));
  await said(/^no shared cipher$/);
  await assert.rejects(ask(g.port, { ALPNProtocols: ['smtp'] }));
  await said(/^no application protocol$/);
  await ask(g.port, { cert: expired.pem, key: expired.keyPem }).catch(() => {});
  await said(/^the client's certificate: certificate has expired$/);
  const stranger = new Authority(folder(later), 'stranger');
  await run('curl', ['-s', '--cacert', stranger.cert, `https://127.0.0.1:${g.port}/`]);
  await said(/alert unknown ca$/);
  await talk('GET / HTTP/1.1\r\n\r\n');
  await said(/^plain HTTP on a TLS port$/);
  await talk(Buffer.from([0x16, 3, 1]));
  await said(/^it was not over within timeouts.handshake$/);
  for (let i = 0; i < 200; ++i) await assert.rejects(ask(g.port, old));
  await until(() => `all to be counted: ${g.stderr}`, () => lines().filter((l) => l.reason === 'unsupported protocol').reduce((n, l) => n + l.count, 0) === 201);
  assert.ok(lines().filter((l) => l.reason === 'unsupported protocol').length < 12, g.stderr);
  assert.equal(await g.metric('gatehouse_tls_handshakes_total', { result: 'failed' }), lines().reduce((n, l) => n + l.count, 0));
});

gatewayTest('--tls-key-log writes keys for its owner alone, and says so', async ({ gateway, later, run }) => {
  const place = folder(later);
  const ca = new Authority(place);
  const { cert, key } = ca.issue('server', 'DNS:gate.test');
  const file = path.join(place, 'keys');
  const config = { listen: { public: { tls: { cert, key } } }, routes: [{ path: '/*', reply: 200 }] };
  const g = await gateway(config, { args: ['--tls-key-log', file] });
  assert.match(g.stderr, /warning: the keys of TLS sessions go to `.*keys`: whoever reads it reads all traffic/);
  await ask(g.port, { maxVersion: 'TLSv1.2' });
  await ask(g.port, {});
  const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
  for (const line of lines) assert.match(line, /^[A-Z_0-9]+ [0-9a-f]{64} ([0-9a-f]{64}|[0-9a-f]{96})$/);
  assert.deepEqual([...new Set(lines.map((l) => l.split(' ')[0]))].sort(), [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'CLIENT_RANDOM', 'CLIENT_TRAFFIC_SECRET_0', 'EXPORTER_SECRET', 'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_TRAFFIC_SECRET_0',
  ]);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  fs.chmodSync(file, 0o644);
  const refused = await run(kBinary, ['run', g.file, '--tls-key-log', file]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is not used for keys: others may read or write it/);
});

gatewayTest("the system's authorities are loaded anew when their file changes", async ({ gateway, request, later }) => {
  const place = folder(later);
  const ca = new Authority(place);
  const stranger = new Authority(place, 'stranger');
  const c = ca.issue('users', 'IP:127.0.0.1');
  const server = https.createServer({ cert: c.pem, key: c.keyPem }, (req, res) => res.end('yes')).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => {});
  await once(server, 'listening');
  later.push(() => { server.close(); server.closeAllConnections(); });
  const system = path.join(place, 'system.crt');
  const trust = (pem) => {
    fs.writeFileSync(`${system}.new`, pem);
    fs.renameSync(`${system}.new`, system);
  };
  trust(stranger.pem());
  const g = await gateway({ services: { users: { url: `https://127.0.0.1:${server.address().port}` } } }, { env: { SSL_CERT_FILE: system } });
  const first = await request(g, '/users/x');
  assert.equal(first.json().reason, 'upstream_certificate');
  trust(Buffer.concat([stranger.pem(), ca.pem()]));
  await until('the new trust', async () => (await request(g, '/users/x')).text === 'yes');
  trust(stranger.pem());
  await until('its end, for pooled connections too', async () => (await request(g, '/users/x')).status === 502);
});
