// Reloads under load: no request fails, and each change is in force. GATEHOUSE_FULL=1: 1 000 reloads.
import fs from 'node:fs';
import path from 'node:path';
import { assert, gatewayTest, kFull } from './lib/test.mjs';
import { Load } from './lib/load.mjs';
import { until } from './lib/wait.mjs';

const kReloads = kFull ? 1000 : 60;
const kSeconds = 20;

// The configuration number n answers /version with n, and sends x-version: n to the service.
function config(api, n, extra = {}) {
  return {
    workers: 2,
    services: { api: { url: api.url, headers: { response: { set: { 'x-version': String(n) } } } }, ...extra },
    routes: [{ path: '/version', reply: { status: 200, body: `version ${n}` } }],
  };
}

gatewayTest('reloads under load by SIGHUP, file change, rename and symlink swap: no request fails', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end(`answer to ${req.url}`));
  const other = await service((req, res) => res.end('other'));
  const g = await gateway(config(api, 0));
  const load = new Load(g.port, {
    parallel: 6, pause: 5, check: (a, id) => (a.status === 200 && a.text === `answer to /api/${id}` && /^\d+$/.test(a.headers['x-version']) ? '' : `${a.status} ${a.text}`),
  });
  const inForce = (n) => until(() => `version ${n} to be in force: ${g.stderr.slice(-500)}`, async () => (await request(g, '/version')).text === `version ${n}`);
  const text = (n) => `${JSON.stringify(g.complete(config(api, n, n % 2 ? { other: other.url } : {})), null, 1)}\n`;
  const ways = [
    // Written in place, and told by a signal. (A file event may come first, and find half a file: that is refused and
    // looked at again.)
    (n) => { fs.writeFileSync(g.file, text(n)); g.signal('SIGHUP'); },
    // Renamed over it, as editors do.
    (n) => { fs.writeFileSync(`${g.file}.new`, text(n)); fs.renameSync(`${g.file}.new`, g.file); },
    // Written in place, nothing said.
    (n) => fs.writeFileSync(g.file, text(n)),
  ];
  const begun = Date.now();
  let n = 0;
  while (n < kReloads || Date.now() - begun < kSeconds * 1000) {
    n += 1;
    ways[n % ways.length](n);
    await inForce(n);
    const other = await request(g, '/other');
    assert.equal(other.status, n % 2 ? 200 : 404);
  }
  await load.stop();
  assert.deepEqual(load.wrong, []);
  assert.equal(load.failed, 0);
  assert.ok(load.served > n, `${load.served} requests during ${n} reloads`);
  assert.ok(await g.metric('gatehouse_reloads_total', { result: 'ok' }) >= n);
  // Old configurations are let go when nobody uses them any more.
  await until('one configuration a worker', async () => (await g.metric('gatehouse_snapshots')) <= 2);
  console.log(`  ${n} reloads, ${load.served} requests, ${load.failed} failed`);
}, { timeout: 1_800_000 });

gatewayTest('the symlink swap of Kubernetes, with included files', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end(req.url));
  let publish;
  const g = await gateway(undefined, {
    text: (self) => {
      // A mounted ConfigMap: gatehouse.yaml -> ..data/gatehouse.yaml, ..data -> ..N, and the swap is a rename of ..data.
      publish = (n, teams) => {
        const data = path.join(self.folder, `..${n}`);
        fs.mkdirSync(data);
        const main = self.complete({ services: { api: api.url }, include: ['..data/team-*.yaml'], routes: [{ path: '/version', reply: { body: `version ${n}` } }] });
        fs.writeFileSync(path.join(data, 'gatehouse.yaml'), JSON.stringify(main));
        for (const team of teams) fs.writeFileSync(path.join(data, `team-${team}.yaml`), `services: {${team}: "${api.url}"}\n`);
        fs.symlinkSync(`..${n}`, path.join(self.folder, '..data.new'));
        fs.renameSync(path.join(self.folder, '..data.new'), path.join(self.folder, '..data'));
        if (n > 1) fs.rmSync(path.join(self.folder, `..${n - 1}`), { recursive: true });
      };
      publish(1, ['red']);
      fs.symlinkSync('..data/gatehouse.yaml', self.file);
    },
  });
  assert.equal((await request(g, '/version')).text, 'version 1');
  assert.equal((await request(g, '/red/1')).text, '/red/1');
  for (const n of [2, 3, 4]) {
    publish(n, ['red', `blue${n}`]);
    await until(() => `version ${n} to be in force: ${g.stderr}`, async () => (await request(g, '/version')).text === `version ${n}`);
    assert.equal((await request(g, `/blue${n}/x`)).text, `/blue${n}/x`);
  }
  assert.equal((await request(g, '/blue3/x')).status, 404);
});

gatewayTest('a refused configuration changes nothing, and says why', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end(req.url));
  const g = await gateway(config(api, 1));
  fs.writeFileSync(g.file, 'services:\n  api: {url: "http://127.0.0.1:1", tiemout: 3s}\n');
  g.signal('SIGHUP');
  await until(() => `the refusal: ${g.stderr}`, () => /tiemout/.test(g.stderr));
  assert.match(g.stderr, /gatehouse\.yaml:2:\d+/);
  assert.match(g.stderr, /timeout/);
  assert.equal((await request(g, '/version')).text, 'version 1');
  assert.equal((await request(g, '/api/x')).text, '/api/x');
  assert.ok(await g.metric('gatehouse_reloads_total', { result: 'refused' }) >= 1);
  g.write(config(api, 2));
  await until('the right one to be in force', async () => (await request(g, '/version')).text === 'version 2');
});

gatewayTest('connections, pools and counters survive a reload; new listeners are there, old ones go', async ({ service, gateway, client, request }) => {
  const { freePort } = await import('./lib/service.mjs');
  const api = await service((req, res) => res.end(req.url));
  const g = await gateway(config(api, 1));
  const c = await client(g);
  const ask = async (target) => {
    c.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return (await c.answer()).text;
  };
  assert.equal(await ask('/api/1'), '/api/1');
  const second = await freePort();
  const before = await g.metric('gatehouse_requests_total', { service: 'api' });
  g.write({ ...config(api, 2), listen: { second: { port: second, bind: '127.0.0.1' } } });
  await until('the second listener', async () => (await request({ port: second }, '/version')).text === 'version 2');
  assert.equal(await ask('/api/2'), '/api/2');
  assert.equal(await ask('/version'), 'version 2');
  assert.equal(api.connections, 1, 'the pooled connection was kept');
  assert.ok(await g.metric('gatehouse_requests_total', { service: 'api' }) > before);
  g.write(config(api, 3));
  await until('the second listener to be gone', () => request({ port: second }, '/version').then(() => false, () => true));
  assert.equal(await ask('/version'), 'version 3');
});

gatewayTest('a changed number of workers asks for a restart', async ({ service, gateway }) => {
  const api = await service((req, res) => res.end(req.url));
  const g = await gateway(config(api, 1));
  g.write({ ...config(api, 2), workers: 3 });
  await until(() => `a word about the restart: ${g.stderr}`, () => /workers.*restart|restart.*workers/i.test(g.stderr));
});
