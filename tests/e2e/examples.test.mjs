// The examples: each is checked, and the small company's is run whole, with its 20 services.
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { kBinary, kRoot, kToken } from './lib/gatehouse.mjs';
import { haveKeys, identityTest } from './lib/identity.mjs';
import { assert, assertProblem } from './lib/test.mjs';

const kExamples = path.join(kRoot, 'examples');
const kCompany = path.join(kExamples, 'small-company/gatehouse.yaml');

test('every example passes `gatehouse check` without a warning', () => {
  const all = fs.readdirSync(kExamples, { recursive: true }).filter((f) => f.endsWith('.yaml'));
  assert.ok(all.length > 0);
  for (const file of all) {
    const r = spawnSync(kBinary, ['check', path.join(kExamples, file)], { encoding: 'utf8', env: { PATH: process.env.PATH, ISSUER: 'https://id.example.com' } });
    assert.equal(r.status, 0, `${file}: ${r.stderr}`);
    assert.doesNotMatch(r.stderr, /warning/, file);
  }
  assert.ok(fs.readFileSync(kCompany, 'utf8').trimEnd().split('\n').length <= 60);
});

identityTest('the small company: 20 services, tokens, limits, a canary, routes, one JSON line a request', async (t) => {
  const id = await t.issuer();
  const text = fs.readFileSync(kCompany, 'utf8');
  const hosts = [...new Set([...text.matchAll(/http:\/\/([\w-]+)\.internal:8080/g)].map((m) => m[1]))];
  assert.equal(hosts.filter((h) => h !== 'payments-v2').length, 20);
  const services = Object.fromEntries(await Promise.all(hosts.map(async (host) => [host, await t.service((req, res) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ host, url: req.url, user: req.headers['x-user'], plan: req.headers['x-plan'] }));
  })])));
  const g = await t.gateway({}, {
    env: { ISSUER: id.url },
    text: (self) => `${text
      .replace(/http:\/\/([\w-]+)\.internal:8080/g, (_, host) => services[host].url)
      .replace('{port: 8080}', `{port: ${self.port}, bind: 127.0.0.1}`)
      .replace('log: stdout', `log: ${self.logFile}`)}\nstate: ${self.folder}/state\nadmin: {port: ${self.adminPort}, token: ${kToken}}\n`,
  });
  await haveKeys(g);
  const token = (sub, more = {}) => id.token({ aud: 'api.example.com', sub, ...more });
  const ann = await token('ann', { plan: 'basic' });
  const partner = await token('pat', { plan: 'partner' });
  const ask = (target, options = {}) => t.ask(g, target, { token: ann, ...options });

  for (const name of hosts.filter((h) => !['payments-v2', 'partners', 'login'].includes(h))) {
    const answer = await ask(`/${name}/1`);
    assert.equal(answer.status, 200, `${name}: ${answer.text}`);
    if (name === 'payments') continue;
    assert.deepEqual(answer.json(), { host: name, url: `/${name}/1`, user: 'ann', plan: 'basic' });
  }
  assert.equal((await t.request(g, '/health')).text, 'ok\n');
  assertProblem(await t.ask(g, '/users/1'), 401, 'unauthorized');
  assertProblem(await ask('/partners/1'), 403, 'insufficient');
  assert.equal((await ask('/partners/1', { token: partner })).json().host, 'partners');
  assert.equal((await ask('/orders/7/invoice')).json().url, '/invoices/of/7');
  assert.equal((await ask('/search/x', { headers: { 'x-beta': '1' } })).json().url, '/beta/x');
  assert.equal((await ask('/search/x')).json().url, '/search/x');
  assert.deepEqual([(await ask('/api/v1/users/1')).status, (await ask('/api/v1/users/1')).headers.location], [308, '/users/1']);

  // The canary, by several users, for each has his limit.
  const users = await Promise.all(Array.from({ length: 10 }, (_, i) => token(`user${i}`)));
  let second = 0;
  for (let i = 0; i < 600; ++i) second += (await ask('/payments/1', { token: users[i % users.length] })).json().host === 'payments-v2' ? 1 : 0;
  assert.ok(second > 20 && second < 120, `${second} of 600 went to the canary, about 60 are meant`);

  // Ten logins a minute of one address; five exports of one user.
  const statuses = async (n, f) => {
    const all = [];
    for (let i = 0; i < n; ++i) all.push((await f()).status);
    return all;
  };
  const logins = await statuses(12, () => t.request(g, '/login/x'));
  assert.deepEqual([logins.filter((s) => s === 200).length, logins.at(-1)], [10, 429]);
  const exports = await statuses(6, () => ask('/export/x', { token: partner }));
  assert.deepEqual([exports.filter((s) => s === 200).length, exports.at(-1)], [5, 429]);
  const record = await g.logged('a refused export', (r) => r.limit === 'services.export');
  assert.deepEqual([record.status, record.limit_key, record.user, record.route], [429, 'pat', 'pat', '/export/* to export']);
  assert.ok(g.residentBytes() < 64e6, `${g.residentBytes()} bytes`);
});
