// Limits (rule 8) with the real program: who is counted apart, what a client is told, what an operator sees and does, what a
// reload and a crash keep.
import { createHash, randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Gatehouse, kBinary, kToken, temporaryFolder } from './lib/gatehouse.mjs';
import { haveKeys, identityTest } from './lib/identity.mjs';
import { Load } from './lib/load.mjs';
import { freePort } from './lib/service.mjs';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

const kRoutes = [{ path: '/a/*', reply: { body: 'a' } }, { path: '/b/*', reply: { body: 'b' }, method: 'GET' }];
const sha256 = (key) => createHash('sha256').update(key).digest('hex');

// How many of `times` requests, one after the other, are let through.
async function admitted(t, g, times, target = '/a/x', options = {}) {
  let n = 0;
  for (let i = 0; i < times; ++i) n += (await t.request(g, target, options)).status === 200 ? 1 : 0;
  return n;
}
const commandOf = (g) => (...args) => {
  const r = spawnSync(kBinary, ['limits', ...args, '--admin', `127.0.0.1:${g.adminPort}`, '--token', kToken], { encoding: 'utf8', timeout: 20_000 });
  return { code: r.status, out: r.stdout, err: r.stderr };
};

gatewayTest('429: a problem, when to come back, and what is left; on admitted answers too', async (t) => {
  const g = await t.gateway({ limits: { default: '60/min burst 3' }, routes: kRoutes });
  const first = await t.request(g, '/a/x');
  assert.equal(first.status, 200);
  assert.equal(first.headers['ratelimit-policy'], '"default";q=3;w=3');
  assert.equal(first.headers.ratelimit, '"default";r=2;t=1');
  assert.equal(await admitted(t, g, 2), 2);
  const refused = await t.request(g, '/a/x');
  assertProblem(refused, 429, 'rate_limited');
  assert.match(refused.headers['retry-after'], /^[12]$/);
  assert.match(refused.headers.ratelimit, /^"default";r=0;t=[23]$/);
  const record = await g.logged('the refusal', (r) => r.status === 429);
  assert.deepEqual([record.reason, record.limit, record.limit_key], ['rate_limited', 'default', '127.0.0.1']);
  assert.equal('limit' in g.log().find((r) => r.status === 200), false);
  assert.equal(await g.metric('gatehouse_limit_requests_total', { limit: 'default', result: 'refused' }), 1);
});

identityTest('tokens and API keys: each user apart, partners by their organisation, nobody by address', async (t) => {
  const id = await t.issuer();
  const key = t.secret(randomBytes(24).toString('base64url'));
  const api = await t.service();
  const g = await t.gateway({
    auth: {
      issuer: { id: { issuer: id.url, audience: 'api' } }, public: '/api/open/*',
      api_keys: { keys: { build: { sha256: sha256(key) } } },
    },
    limits: {
      default: '3/h',
      partners: { when: { 'claim.tier': 'partner' }, rate: '5/h per claim.org' },
      anonymous: { when: { user: 'not *' }, rate: '4/h per ip' },
      keys: '2/h per key',
    },
    services: { api: api.url },
  });
  await haveKeys(g);
  const of = async (claims) => ({ token: await id.token({ aud: 'api', ...claims }) });
  const count = async (times, options, target) => {
    let n = 0;
    for (let i = 0; i < times; ++i) n += (await t.ask(g, target, options)).status === 200 ? 1 : 0;
    return n;
  };
  // `keys` counts who brings no key by address, so all of these together are two an hour.
  assert.equal(await count(3, await of({ sub: 'alice' })), 2);
  const { limits: { keys: _, ...limits }, ...rest } = JSON.parse(fs.readFileSync(g.file, 'utf8'));
  g.write({ ...rest, limits });
  await g.admin('/reload', { method: 'POST' });
  assert.equal(await count(3, await of({ sub: 'alice' })), 1, 'a reload does not give her two of three back');
  assert.equal(await count(5, await of({ sub: 'bob' })), 3);
  const partner = { tier: 'partner', org: 'acme' };
  assert.equal(await count(3, await of({ sub: 'carol', ...partner })) + await count(9, await of({ sub: 'dan', ...partner })), 5);
  assert.equal(await count(5, { headers: { 'x-api-key': key } }), 3);
  const record = await g.logged('carol or dan', (r) => r.limit === 'partners');
  assert.equal(record.limit_key, 'acme');
  // Without credentials: what is open is counted by address, and so are refusals.
  assert.equal(await count(2, {}, '/api/open/x'), 2);
  for (let i = 0; i < 2; ++i) assertProblem(await t.ask(g, '/api/x'), 401, 'unauthorized');
  assertProblem(await t.ask(g, '/api/x'), 429, 'rate_limited');
});

gatewayTest('what the gateway refuses itself is charged by address', async (t) => {
  const g = await t.gateway({ limits: { default: '4/h' }, routes: kRoutes });
  assert.deepEqual([(await t.request(g, '/none')).status, (await t.request(g, '/b/x', { method: 'POST' })).status,
    (await t.request(g, '/a/x')).status, (await t.request(g, '/none')).status, (await t.request(g, '/none')).status,
    (await t.request(g, '/a/x')).status], [404, 405, 200, 404, 429, 429]);
});

gatewayTest('one limit for all is exact with several workers, and so is each user\'s', async (t) => {
  const g = await t.gateway({
    workers: 2, log: undefined, routes: kRoutes,
    limits: { fleet: '400/h', tenant: '30/h per header.x-tenant', address: { rate: '1000000/s per ip', dry_run: true } },
  });
  const agents = Array.from({ length: 8 }, () => t.agent({ connections: 4 }));
  const seen = {};
  await Promise.all(agents.map(async (dispatcher, a) => {
    for (let i = 0; i < 120; ++i) {
      const tenant = i % 4 === 0 ? 'hot' : `t${(a * 120 + i) % 20}`;
      const { status } = await t.request(g, '/a/x', { dispatcher, headers: { 'x-tenant': tenant } });
      assert.ok(status === 200 || status === 429, String(status));
      if (status === 200) seen[tenant] = (seen[tenant] ?? 0) + 1;
    }
  }));
  const all = Object.values(seen).reduce((a, b) => a + b, 0);
  assert.equal(seen.hot, 30);
  assert.ok(Math.max(...Object.values(seen)) <= 30, JSON.stringify(seen));
  assert.equal(all, 400, `${all} of 400`);
});

gatewayTest('gatehouse limits: shows what is left and who was refused most; reset gives it back', async (t) => {
  const g = await t.gateway({ limits: { default: '60/h per ip', tenants: '2/h per header.x-tenant', fleet: '1000/h' }, routes: kRoutes });
  const limits = commandOf(g);
  const headers = { 'x-tenant': 'secret-tenant' };
  assert.equal(await admitted(t, g, 5, '/a/x', { headers }), 2);
  const all = limits();
  assert.equal(all.code, 0, all.err);
  assert.match(all.out, /^tenants +2\/h per header\.x-tenant: 2 admitted, 3 refused$/m);
  assert.match(all.out, /^fleet +1000\/h: 2 admitted, 0 refused, 998 of 1000 left, all of it in \d.*$/m);
  assert.match(all.out, /refused most of late:\n +3 +#[0-9a-f]{16} +tenants\n/);
  assert.doesNotMatch(all.out, /secret-tenant/);
  const names = (json) => json.limits.map((l) => [l.name, l.rate, l.per, l.admitted, l.refused]);
  assert.deepEqual(names((await g.admin('/limits')).json()), names(JSON.parse(limits('show', '--json').out)));
  assert.match(limits('show', '127.0.0.1').out, /^default +per ip: 58 of 60 left, all of it in/m);
  assert.match(limits('show', 'secret-tenant').out, /^tenants +per header\.x-tenant: 0 of 2 left, one more in \d+ s/m);
  assert.equal(limits('show', 'nobody').out, 'nobody has used up nothing\n');
  const reset = limits('reset', 'secret-tenant');
  assert.deepEqual([reset.code, reset.out], [0, '`secret-tenant` owes nothing any more to `tenants`\n']);
  assert.equal(await admitted(t, g, 5, '/a/x', { headers }), 2);
  assert.deepEqual([limits('reset').code, limits('reset', 'nobody').code, limits('reset', '--limit', 'fleet').code], [2, 1, 0]);
  assert.match(g.stderr, /limits: `#[0-9a-f]{16}` owes nothing any more to `tenants` \(by admin\)/);
  assert.doesNotMatch(g.stderr, /secret-tenant/);
  const anonymous = await g.admin('/limits/reset?key=a', { method: 'POST', token: null });
  assert.equal(anonymous.status, 401);
});

gatewayTest('explain: which limits a request meets, and in the running gateway how much is left', async (t) => {
  const g = await t.gateway({ limits: { default: '60/h burst 3' }, routes: kRoutes });
  await t.request(g, '/a/x');
  const explained = (await g.admin('/explain?url=/a/x')).json();
  assert.deepEqual(explained.limits, [{ name: 'default', rate: '60/h burst 3', per: 'ip', key: '127.0.0.1', burst: 3, remaining: 2, wait_ms: 0 }]);
  assert.equal((await g.admin('/explain?url=/nowhere')).json().limits.length, 1, 'refused, and charged all the same');
  const told = spawnSync(kBinary, ['explain', g.file, 'GET', '/a/x', '--client', '192.0.2.7'], { encoding: 'utf8', timeout: 20_000 });
  assert.match(told.stdout, /\nlimits:\n  default: 60\/h burst 3 per ip, counted for 192\.0\.2\.7\n/);
});

gatewayTest('what nobody serves is not charged: preflights that the gateway answers, a listener that sends everybody to https', async (t) => {
  const port = await freePort();
  const g = await t.gateway({
    limits: { default: '3/h' },
    listen: { clear: { port, bind: '127.0.0.1', redirect: 'https' } },
    routes: [{ path: '/a/*', reply: { body: 'a' }, cors: { origins: ['https://shop.example.com'] } }],
  });
  const headers = { origin: 'https://shop.example.com', 'access-control-request-method': 'GET' };
  for (let i = 0; i < 5; ++i) assert.equal((await t.request(g, '/a/x', { method: 'OPTIONS', headers })).status, 204);
  for (let i = 0; i < 5; ++i) assert.equal((await t.request({ port }, '/a/x')).status, 308);
  assert.equal(await admitted(t, g, 5), 3);
});

test('a table that there is no address space for is an error in one line', () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'gatehouse.yaml');
  fs.writeFileSync(file, 'listen: 8080\nlimit_memory: 512GB\nlimits: {default: 3/h}\nroutes: [{path: /a, reply: {body: a}}]\n');
  const r = spawnSync('prlimit', [`--as=${4 * 2 ** 30}`, kBinary, 'check', file], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(r.status, 1, r.stderr);
  assert.equal(r.stderr.trim().split('\n').filter((line) => line.includes('limit_memory')).length, 1, r.stderr);
  assert.match(r.stderr, /`limit_memory`: the system has no address space for 549755813888 bytes/);
  fs.rmSync(folder, { recursive: true });
});

gatewayTest('a dry run refuses nobody, and says whom it would', async (t) => {
  const g = await t.gateway({ limits: { tried: { rate: '1/h per ip', dry_run: true } }, routes: kRoutes });
  assert.equal(await admitted(t, g, 4), 4);
  const record = await g.logged('one that would be refused', (r) => r.limit === 'tried');
  assert.deepEqual([record.status, record.reason, record.limit_key], [200, '', '127.0.0.1']);
  assert.equal(await g.metric('gatehouse_limit_requests_total', { limit: 'tried', result: 'dry_run' }), 3);
});

gatewayTest('a cost that the service tells afterwards', async (t) => {
  const api = await t.service((req, res) => {
    res.setHeader('x-cost', req.url.endsWith('dear') ? '7' : '1');
    res.end('ok');
  });
  const g = await t.gateway({ limits: { default: { rate: '20/h', cost: 'response.header.x-cost max 10' } }, services: { api: api.url } });
  assert.equal((await t.request(g, '/api/cheap')).headers.ratelimit.split(';')[1], 'r=19');
  assert.equal((await t.request(g, '/api/dear')).headers.ratelimit.split(';')[1], 'r=12');
  assert.equal((await t.request(g, '/api/dear')).headers.ratelimit.split(';')[1], 'r=5');
  assertProblem(await t.request(g, '/api/cheap'), 429, 'rate_limited');
});

gatewayTest('a changed limit does not give its burst again; reloads under load admit no more than they may', async (t) => {
  const limits = (rate) => ({ limits: { default: rate }, routes: kRoutes });
  const g = await t.gateway(limits('10/h burst 200'));
  let ok = 0;
  const load = new Load(g.port, { parallel: 4, target: () => '/a/x', check: (a) => { ok += a.status === 200 ? 1 : 0; return a.status === 200 || a.status === 429 ? '' : String(a.status); } });
  for (let i = 0; i < 10; ++i) {
    g.write(limits(`${10 + i}/h burst 200`));
    await g.admin('/reload', { method: 'POST' });
  }
  await until('the burst to be used up', () => load.served > 400);
  await load.stop();
  assert.deepEqual(load.wrong, []);
  assert.equal(ok, 200);
});

gatewayTest('kill -9: what was used up five seconds ago stays used up; a torn file is one line', async (t) => {
  const folder = temporaryFolder();
  const config = { limits: { default: '20/h', fleet: '1000/h' }, routes: kRoutes };
  const first = await Gatehouse.start(config, { folder });
  t.later.push(() => first.kill());
  assert.equal(await admitted(t, first, 15), 15);
  const kept = path.join(folder, 'state/limits');
  await until('the state to be written', () => fs.existsSync(kept));
  assert.equal(fs.statSync(kept).mode & 0o777, 0o600);
  first.kill();
  await first.exited;
  const second = await Gatehouse.start(config, { folder });
  t.later.push(() => second.kill());
  assert.equal(await admitted(t, second, 9), 5);
  assert.match(commandOf(second)().out, /^fleet .* 98\d of 1000 left/m);
  await second.stop();  // at its end it writes at once
  const third = await Gatehouse.start(config, { folder });
  t.later.push(() => third.kill());
  assert.equal(await admitted(t, third, 9), 0);
  await third.stop();
  const bytes = fs.readFileSync(kept);
  fs.writeFileSync(kept, bytes.subarray(0, bytes.length - 3));
  const fourth = await Gatehouse.start(config, { folder });
  t.later.push(() => fourth.kill());
  assert.equal(fourth.stderr.match(/limits: what was kept of them is ignored: it is damaged or cut off/g)?.length, 1, fourth.stderr);
  assert.equal(await admitted(t, fourth, 3), 3);
  await fourth.stop();
  fs.rmSync(folder, { recursive: true });
}, { timeout: 60_000 });
