// The admin API: who may ask, what it shows, and what it does.
import fs from 'node:fs';
import path from 'node:path';
import { freePort } from './lib/service.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

const config = (api, n = 1) => ({
  services: { api: api.url },
  routes: [{ path: '/version', reply: { body: `version ${n}` } }],
});

gatewayTest('health, readiness and metrics need no token, all else does', async ({ service, gateway }) => {
  const api = await service();
  const g = await gateway(config(api));
  for (const open of ['/healthz', '/readyz', '/metrics']) assert.equal((await g.admin(open, { token: null })).status, 200, open);
  for (const [method, target] of [['GET', '/config'], ['GET', '/routes'], ['GET', '/services'], ['GET', '/explain?url=/'], ['POST', '/reload'],
    ['POST', '/rollback'], ['GET', '/log-level'], ['GET', '/version'], ['PUT', '/config'], ['GET', '/keys'], ['POST', '/keys/revoke?issuer=a&kid=b'],
    ['POST', '/keys/unrevoke?issuer=a&kid=b'], ['GET', '/limits'], ['GET', '/limits?key=a'], ['POST', '/limits/reset?key=a']]) {
    for (const token of [null, 'wrong', 'e2e-token2', 'e2e-toke']) {
      const answer = await g.admin(target, { method, token });
      assert.equal(answer.status, 401, `${method} ${target} with ${token}`);
      assert.equal(answer.headers['content-type'], 'application/problem+json');
      assert.equal(answer.json().status, 401);
      assert.doesNotMatch(answer.text, /e2e-token/);
    }
  }
  assert.equal((await g.admin('/nothing')).status, 404);
  const wrong = await g.admin('/reload');
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.allow, 'POST');
});

gatewayTest('web pages are refused: Origin, and a Host that is not known', async ({ service, gateway }) => {
  const api = await service();
  const g = await gateway(config(api));
  assert.equal((await g.admin('/healthz', { headers: { origin: 'http://evil.test' } })).status, 403);
  assert.equal((await g.admin('/metrics', { headers: { host: 'evil.test' } })).status, 403);
  assert.equal((await g.admin('/metrics', { headers: { host: 'localhost:9' } })).status, 200);
}, { timeout: 60_000 });

gatewayTest('what it shows: config, routes, services, explain, version, log level', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway(config(api));
  await request(g, '/api/x');
  const shown = await g.admin('/config');
  assert.match(shown.text, /timeout: 10s/);
  const { routes } = (await g.admin('/routes')).json();
  assert.ok(routes.some((r) => r.path === '/version') && routes.some((r) => r.to === 'api'), JSON.stringify(routes));
  const [shownService] = (await g.admin('/services')).json().services;
  const [endpoint] = shownService.versions[0].endpoints;
  assert.deepEqual([shownService.name, shownService.in_flight, endpoint.endpoint, endpoint.in_flight, endpoint.pool, endpoint.left_out],
    ['api', 0, `127.0.0.1:${api.port}`, 0, 1, false]);
  const explained = (await g.admin('/explain?method=GET&url=/version')).text;
  assert.match(explained, /version/);
  const version = (await g.admin('/version')).json();
  assert.match(version.version, /^\d+\.\d+\.\d+/);
  assert.equal(version.configuration.differs_from_disk, false);
  assert.equal((await g.admin('/log-level')).json().level, 'info');
  assert.equal((await g.admin('/log-level', { method: 'PUT', body: 'debug' })).json().level, 'debug');
  assert.equal((await g.admin('/log-level', { method: 'PUT', body: 'loud' })).status, 400);
});

gatewayTest('PUT /config: in force at once, said to differ from the disk; rollback returns; refused ones say why', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway(config(api, 1));
  const disk = fs.readFileSync(g.file, 'utf8');
  const put = (text, query = '') => g.admin(`/config${query}`, { method: 'PUT', body: text });
  const text = (n) => JSON.stringify(g.complete(config(api, n)));

  const accepted = await put(text(2));
  assert.equal(accepted.status, 200, accepted.text);
  assert.equal((await request(g, '/version')).text, 'version 2');
  assert.equal((await g.admin('/readyz')).json().differs_from_disk, true);
  assert.equal(await g.metric('gatehouse_configuration_differs_from_disk'), 1);
  assert.equal(fs.readFileSync(g.file, 'utf8'), disk, 'the file is as it was');
  assert.match(g.stderr, /admin/);

  const refused = await put('services:\n  api: {url: "http://127.0.0.1:1", tiemout: 1s}\n');
  assert.equal(refused.status, 422);
  assert.equal(refused.headers['content-type'], 'application/problem+json');
  assert.match(refused.text, /tiemout/);
  assert.equal((await request(g, '/version')).text, 'version 2');

  const back = await g.admin('/rollback', { method: 'POST' });
  assert.equal(back.status, 200, back.text);
  assert.equal((await request(g, '/version')).text, 'version 1');

  // The source last changed wins: a new file is loaded, the same bytes are not.
  assert.equal((await put(text(3))).status, 200);
  const same = await g.admin('/reload', { method: 'POST' });
  assert.equal(same.json().outcome, 'unchanged');
  assert.equal((await request(g, '/version')).text, 'version 3');
  assert.equal((await g.admin('/reload?force', { method: 'POST' })).json().outcome, 'published');
  assert.equal((await request(g, '/version')).text, 'version 1');

  // Saved: the file is replaced.
  const saved = await put(text(4), '?save');
  assert.equal(saved.status, 200, saved.text);
  assert.equal((await request(g, '/version')).text, 'version 4');
  await until('the disk to be what runs', async () => (await g.admin('/readyz')).json().differs_from_disk === false);
  assert.match(fs.readFileSync(g.file, 'utf8'), /version 4/);
});

gatewayTest('PUT /config?save: 409 with `include`, or when the file is not what was read; nothing changes then', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway(config(api, 1));
  const save = (text) => g.admin('/config?save', { method: 'PUT', body: text });
  const text = (n) => JSON.stringify(g.complete(config(api, n)));
  const refused = async (answer, why) => {
    assert.equal(answer.status, 409, answer.text);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.match(answer.json().detail, why);
    assert.equal((await request(g, '/version')).text, 'version 1');
    assert.equal((await g.admin('/readyz')).json().differs_from_disk, false);
  };

  // Shortly after its start the gateway looks at its files once more. What it has seen of this change is behind that.
  const version = async () => (await g.admin('/version')).json().configuration.version;
  const first = await version();
  g.write(`${fs.readFileSync(g.file, 'utf8')}# looked at\n`);
  await until('the files to be looked at', async () => (await version()) > first);

  // An editor that has written, but not closed the file: no event tells the gateway of it.
  const read = fs.readFileSync(g.file, 'utf8');
  const editor = fs.openSync(g.file, 'a');
  fs.writeSync(editor, '# half a thought');
  await refused(await save(text(2)), /has changed since it was read/);
  assert.equal(fs.readFileSync(g.file, 'utf8'), `${read}# half a thought`);
  const before = await version();
  fs.closeSync(editor);
  await until('the file to be read', async () => (await version()) > before);

  // What is given includes a file; then the main file does.
  fs.writeFileSync(path.join(g.folder, 'more.yaml'), JSON.stringify({ routes: [{ path: '/more', reply: { body: 'more' } }] }));
  const including = JSON.stringify({ ...g.complete(config(api, 1)), include: ['more.yaml'] });
  g.write(including);
  await until('the included route', async () => (await request(g, '/more')).text === 'more');
  for (const given of [text(3), including]) {
    await refused(await save(given), /`include`/);
    assert.equal(fs.readFileSync(g.file, 'utf8'), including);
  }
  assert.equal((await g.admin('/config', { method: 'PUT', body: text(4) })).status, 200, 'without `save` it is accepted');
  assert.equal((await request(g, '/version')).text, 'version 4');
});

gatewayTest('PUT may not read files that the disk does not name', async ({ service, gateway }) => {
  const api = await service();
  const g = await gateway(config(api));
  const file = path.join(g.folder, 'secret.txt');
  fs.writeFileSync(file, 'canary-never-shown');
  const sneaky = g.complete({ ...config(api), routes: [{ path: '/steal', reply: { body: `file:${file}` } }] });
  const answer = await g.admin('/config', { method: 'PUT', body: JSON.stringify(sneaky) });
  assert.equal(answer.status, 422, answer.text);
  assert.doesNotMatch(answer.text, /canary/);
  const included = await g.admin('/config', { method: 'PUT', body: JSON.stringify({ ...g.complete(config(api)), include: [file] }) });
  assert.equal(included.status, 422, included.text);
  assert.doesNotMatch(included.text, /canary/);
});

gatewayTest('it answers while every worker is saturated', async ({ service, gateway, request }) => {
  const api = await service(() => {});
  const g = await gateway({ services: { api: { url: api.url, max_in_flight: 3, retry: 'off' } } });
  const held = [1, 2, 3].map((i) => request(g, `/api/${i}`).catch(() => {}));
  await until('three in flight', async () => (await g.admin('/services')).json().services[0].in_flight === 3);
  assert.equal(await g.metric('gatehouse_requests_in_progress'), 3);
  api.dropConnections();
  await Promise.all(held);
});

gatewayTest('promtool finds nothing wrong with the metrics, in both formats', async ({ service, gateway, request, run }) => {
  const api = await service((req, res) => { res.statusCode = req.url.includes('bad') ? 500 : 200; res.end('x'); });
  const g = await gateway({
    services: { api: { versions: { v1: api.url, v2: api.url }, canary: 'v2 50%' }, gone: `http://127.0.0.1:${await freePort()}` },
    routes: [{ path: '/api/*', to: 'api' }, { path: '/api/*', to: 'api', when: { 'header.x-quoted': '"a\\b"' } }],
  });
  for (let i = 0; i < 20; i += 1) await request(g, i % 3 ? `/api/${i}` : '/api/bad', { method: 'POST', body: 'some' });
  for (const target of ['/none', '/gone']) await request(g, target);
  await request(g, '/api', { headers: { 'x-quoted': '"a\\b"' } });
  assert.equal((await g.admin('/reload?force', { method: 'POST' })).status, 200);
  const page = await g.admin('/metrics');
  assert.equal(page.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const check = await run('promtool', ['check', 'metrics'], { input: page.text });
  assert.equal(check.code, 0, check.stdout + check.stderr);
  assert.equal((check.stdout + check.stderr).trim(), '');
  assert.equal(await g.metric('gatehouse_requests_total', { service: 'api', class: '5xx' }), 7);
  assert.equal(await g.metric('gatehouse_requests_total'), 23);
  assert.match(page.text, /when header\.x-quoted: \\"/, 'a label with what must be escaped');
  assert.doesNotMatch(page.text, /\/api\/1\b|\/none/, 'no raw paths');

  const open = await g.admin('/metrics', { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
  assert.match(open.headers['content-type'], /^application\/openmetrics-text/);
  // promtool reads this format only to store it, and then wants each sample's time.
  const file = path.join(g.folder, 'metrics.txt');
  const now = Math.floor(Date.now() / 1000);
  fs.writeFileSync(file, open.text.replace(/^[^#].*$/gm, (line) => `${line} ${now}`));
  const stored = await run('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', file, path.join(g.folder, 'blocks')]);
  assert.equal(stored.code, 0, stored.stdout + stored.stderr);
  const samples = (text) => text.split('\n').filter((line) => line && !line.startsWith('#'));
  const [, numbers] = stored.stdout.trim().split('\n').map((line) => line.split(/\s{2,}/));
  assert.equal(Number(numbers[4]), samples(open.text).length, stored.stdout);
  const names = (text) => [...new Set(samples(text).map((line) => line.split(/[{ ]/)[0]))].sort();
  assert.deepEqual(names(open.text), names(page.text), 'one format has what the other has');
});

gatewayTest('active health checks take an endpoint out and bring it back', async ({ service, gateway, request }) => {
  let healthy = true;
  const sick = await service((req, res) => { res.statusCode = req.url === '/health' && !healthy ? 500 : 200; res.end('sick'); });
  const well = await service((req, res) => res.end('well'));
  const g = await gateway({ services: { api: { url: [sick.url, well.url], balance: 'round', health: { path: '/health', every: '200ms', fall: 2, rise: 2 } } } });
  const seen = async () => {
    const names = new Set();
    for (let i = 0; i < 10; i += 1) names.add((await request(g, '/api')).text);
    return [...names].sort().join();
  };
  assert.equal(await seen(), 'sick,well');
  healthy = false;
  await until('the sick one to be left out', async () => (await seen()) === 'well');
  const endpoints = (await g.admin('/services')).json().services[0].versions[0].endpoints;
  assert.deepEqual(endpoints.map((e) => e.health).sort(), ['down', 'up']);
  healthy = true;
  await until('it to be back', async () => (await seen()) === 'sick,well');
});

gatewayTest('a state folder that cannot be written to: it runs, and says that nobody knows the token', async ({ service, gateway, run }) => {
  const api = await service();
  const { kBinary } = await import('./lib/gatehouse.mjs');
  const state = '/proc/gatehouse';  // no folder can be made there, not even by root
  const said = /so nobody knows the admin API's token; set `admin\.token`, or `state`/;
  const unknown = await gateway(undefined, { text: (self) => JSON.stringify({ ...self.complete(config(api)), state, admin: { port: self.adminPort } }) });
  assert.match(unknown.stderr, /warning: the state folder \/proc\/gatehouse cannot be written to/);
  assert.match(unknown.stderr, said);
  assert.equal((await run(kBinary, ['reload', '--config', unknown.file])).code, 1);
  const known = await gateway({ ...config(api), state });
  assert.doesNotMatch(known.stderr, said);
  assert.equal((await run(kBinary, ['reload', '--config', known.file])).code, 0);
});

gatewayTest('a random token in the state folder, with its rights; a second gateway on the folder is refused', async ({ service, gateway, run }) => {
  const api = await service();
  const g = await gateway(undefined, { text: (self) => JSON.stringify({ ...self.complete(config(api)), admin: { port: self.adminPort } }) });
  const file = path.join(g.folder, 'state/admin-token');
  assert.equal(fs.statSync(path.dirname(file)).mode & 0o777, 0o700);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const token = fs.readFileSync(file, 'utf8').trim();
  assert.ok(token.length >= 32);
  assert.equal((await g.admin('/version', { token })).status, 200);
  assert.equal((await g.admin('/version', { token: 'e2e-token' })).status, 401);
  const other = path.join(g.folder, 'other.yaml');
  fs.writeFileSync(other, JSON.stringify({ ...g.complete({ services: { api: api.url } }), listen: { p: { port: 0, bind: '127.0.0.1' } }, admin: 'off' }));
  const { kBinary } = await import('./lib/gatehouse.mjs');
  const second = await run(kBinary, ['run', other]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /state/);
});
