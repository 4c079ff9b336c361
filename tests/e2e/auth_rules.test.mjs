// Which `auth` decides, and what is asked beyond good credentials: public, optional, off, require, issuers, conditions.
import fs from 'node:fs';
import path from 'node:path';
import { challengeOf, haveKeys, identityTest } from './lib/identity.mjs';
import { makeKey, seconds, sign } from './lib/issuer.mjs';
import { freePort } from './lib/service.mjs';
import { assert, assertProblem } from './lib/test.mjs';
import { until, within } from './lib/wait.mjs';

const headersOf = (answer) => {
  assert.equal(answer.status, 200, answer.text);
  return answer.json().headers;
};

identityTest('public, optional, off: the narrowest decides; bad credentials are removed where none are needed', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const doors = [await freePort(), await freePort()];
  const g = await t.gateway({
    auth: { issuer: id.url, audience: 'api', public: ['/api/health', '/api/open/*'] },
    listen: { lenient: { port: doors[0], bind: '127.0.0.1', auth: 'optional' }, closed: { port: doors[1], bind: '127.0.0.1', auth: 'off' } },
    services: { api: api.url, free: { url: api.url, auth: 'off' }, maybe: { url: api.url, auth: 'optional' } },
    routes: [
      { path: '/free/*', to: 'free' },
      { path: '/free/strict', to: 'free', auth: 'required' },
      { path: '/api/*', to: 'api' },
      { path: '/api/raw', to: 'api', auth: 'off' },
      { path: '/hello', reply: { body: 'hello' } },
    ],
  });
  await haveKeys(g);
  const good = await id.token();
  const bad = await id.token({ exp: 1 });

  // [target, without, with a good one, with a bad one]; 'ann': named; 'none': served, named nobody, no token seen;
  // 'seen': served, named nobody, the token as it came.
  const table = (gateway, rows) => Promise.all(rows.map(async ([target, ...expected]) => {
    const what = async (token) => {
      const answer = await t.ask(gateway, target, { token });
      if (answer.status !== 200) return answer.status;
      if (target === '/hello') return 'hello';
      const { 'x-user': user, authorization } = answer.json().headers;
      if (user) return authorization === `Bearer ${token}` ? user : 'a user without the token';
      return authorization ? 'seen' : 'none';
    };
    assert.deepEqual([await what(), await what(good), await what(bad)], expected, `${target} at ${gateway.port}`);
  }));
  await table(g, [
    ['/api/x', 401, 'ann', 401],
    ['/api/health', 'none', 'ann', 'none'],
    ['/api/health/x', 401, 'ann', 401],
    ['/api/open/x/y', 'none', 'ann', 'none'],
    ['/api/open/../x', 401, 'ann', 401],
    ['/api/openly', 401, 'ann', 401],
    ['/api/raw', 'none', 'seen', 'seen'],
    ['/maybe/x', 'none', 'ann', 'none'],
    ['/free/x', 'none', 'seen', 'seen'],
    ['/free/strict', 401, 'ann', 401],
    ['/hello', 401, 'hello', 401],
    ['/nowhere', 404, 404, 404],
  ]);
  await table({ port: doors[0] }, [
    ['/api/x', 'none', 'ann', 'none'],
    ['/maybe/x', 'none', 'ann', 'none'],
    ['/free/x', 'none', 'seen', 'seen'],
    ['/free/strict', 401, 'ann', 401],
    ['/hello', 'hello', 'hello', 'hello'],
  ]);
  await table({ port: doors[1] }, [
    ['/api/x', 'none', 'seen', 'seen'],
    ['/api/health', 'none', 'ann', 'none'],
    ['/maybe/x', 'none', 'ann', 'none'],
    ['/free/strict', 401, 'ann', 401],
  ]);
  // Of Basic credentials on a path that asks for none, nothing is known to be good.
  assert.equal(headersOf(await t.ask(g, '/maybe/x', { headers: { authorization: 'Basic YW5uOng=' } })).authorization, undefined);
});

identityTest('where credentials are optional nothing waits: not for an unknown key, not for a provider that is down', async (t) => {
  const slow = await t.issuer();
  const down = await t.issuer({ listening: false });
  const api = await t.service();
  const g = await t.gateway({
    auth: { issuer: { slow: slow.url, down: down.url }, audience: 'api' },
    services: { api: { url: api.url, auth: 'optional' } },
  });
  await haveKeys(g);
  slow.delay = 60_000;
  const stranger = await makeKey();
  for (const token of [await slow.token({}, { key: stranger }), await down.token()]) {
    const headers = headersOf(await within('an answer that waits for nobody', t.ask(g, '/api/x', { token }), 3000));
    assert.deepEqual([headers['x-user'], headers.authorization], [undefined, undefined]);
  }
});

identityTest('require: 403 insufficient_scope where credentials are good but not enough', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const g = await t.gateway({
    auth: { issuer: id.url, audience: 'api' },
    services: { api: api.url, admin: { url: api.url, auth: { require: { 'claim.realm_access.roles': 'admin', 'claim.mfa': 'true' } } } },
    routes: [
      { path: '/api/orders', method: 'GET', to: 'api', auth: { require: { 'claim.scope': 'orders:read' } } },
      { path: '/api/orders', method: 'POST', to: 'api', auth: { require: { 'claim.scope': ['orders:write', 'orders:*'] } } },
      { path: '/api/ann', to: 'api', auth: { require: { user: 'ann' } } },
      { path: '/api/any', to: 'api', auth: { require: [{ 'claim.tier': 'gold' }, { 'claim.age': '42' }] } },
      { path: '/api/not', to: 'api', auth: { require: { 'claim.tier': 'not gold' } } },
    ],
  });
  await haveKeys(g);
  const status = async (target, claims, method = 'GET') => (await t.ask(g, target, { method, token: await id.token(claims) })).status;

  const refused = await t.ask(g, '/api/orders', { token: await id.token({ scope: 'orders:readers profile' }) });
  assertProblem(refused, 403, 'insufficient');
  const challenge = challengeOf(refused);
  assert.equal(challenge.error, 'insufficient_scope');
  assert.equal(challenge.scope, 'orders:read');
  assertProblem(await t.ask(g, '/api/orders'), 401, 'unauthorized');
  assert.equal((await g.logged('the refusal', (r) => r.status === 403)).reason, 'insufficient');

  assert.equal(await status('/api/orders', { scope: 'profile orders:read' }), 200);
  assert.equal(await status('/api/orders', { scope: 'orders:read' }, 'POST'), 200, 'orders:* is a prefix');
  assert.equal(await status('/api/orders', { scope: 'order' }, 'POST'), 403);
  assert.equal(await status('/admin/x', { realm_access: { roles: ['user', 'admin'] }, mfa: true }), 200);
  assert.equal(await status('/admin/x', { realm_access: { roles: ['user', 'admin'] }, mfa: 'true' }), 200, 'a boolean is compared as its text');
  assert.equal(await status('/admin/x', { realm_access: { roles: ['administrator'] }, mfa: true }), 403);
  assert.equal(await status('/admin/x', { realm_access: { roles: ['admin'] }, mfa: false }), 403);
  assert.equal(await status('/admin/x', { 'realm_access.roles': 'admin', mfa: true }), 200, 'a member of exactly that name');
  assert.equal(await status('/api/ann', {}), 200);
  assert.equal(await status('/api/ann', { sub: 'annie' }), 403);
  assert.equal(await status('/api/any', { age: 42 }), 200);
  assert.equal(await status('/api/any', { tier: 'silver', age: 41 }), 403);
  assert.equal(await status('/api/not', { tier: 'silver' }), 200);
  assert.equal(await status('/api/not', { tier: 'gold' }), 403);
});

identityTest('several issuers: each with its own audience, algorithms, user claim and keys; users are issuer:name', async (t) => {
  const main = await t.issuer();
  const partner = await t.issuer({ audience: 'partners', path: '/tenants/7' });
  const api = await t.service();
  const g = await t.gateway({
    auth: {
      issuer: {
        main: { issuer: main.url, audience: 'api' },
        partner: { issuer: partner.url, audience: 'partners', algs: ['EdDSA', 'ES256'], user: 'claim.client_id' },
      },
      send: { 'x-user': 'user', 'x-by': 'issuer' },
    },
    services: { api: api.url, ours: { url: api.url, auth: 'main' }, theirs: { url: api.url, auth: ['partner'] } },
    routes: [{ path: '/api/*', to: 'api' }, { path: '/api/ann', to: 'api', auth: { require: { user: 'main:ann' } } }],
  });
  await haveKeys(g, 2);
  const ann = await main.token();
  const robot = await partner.token({ client_id: 'robot-7' });
  const who = async (target, token) => {
    const answer = await t.ask(g, target, { token });
    return answer.status === 200 ? `${answer.json().headers['x-user']} by ${answer.json().headers['x-by']}` : answer.status;
  };
  assert.equal(await who('/api/x', ann), 'main:ann by main');
  assert.equal(await who('/api/x', robot), 'partner:robot-7 by partner');
  assert.equal(await who('/ours/x', ann), 'main:ann by main');
  assert.equal(await who('/ours/x', robot), 403);
  assert.equal(await who('/theirs/x', robot), 'partner:robot-7 by partner');
  assert.equal(await who('/theirs/x', ann), 403);
  assert.equal(await who('/api/ann', ann), 'main:ann by main');
  assert.equal(await who('/api/ann', await partner.token({ client_id: 'ann' })), 403, 'another issuer\'s ann is another');
  assert.equal((await g.logged('the partner', (r) => r.user === 'partner:robot-7')).status, 200);

  // A key of one never vouches for the other, even under its kid.
  const crossed = [
    await partner.token({ client_id: 'x' }, { key: main.key }),
    await partner.token({ client_id: 'x' }, { key: main.key, kid: partner.key.kid }),
    await main.token({}, { key: partner.key, kid: main.key.kid }),
  ];
  for (const token of crossed) assert.equal(await who('/api/x', token), 401);
  assert.equal(await who('/api/x', await partner.token({ client_id: 'x', aud: 'api' })), 401, 'the audience of the other');
  const rsa = await partner.add('RS256');
  const answer = await t.ask(g, '/api/x', { token: await partner.token({ client_id: 'x' }, { key: rsa }) });
  assertProblem(answer, 401, 'token_algorithm');
});

identityTest('routes by user and claim: identity is established first, and the rest goes where it went', async (t) => {
  const id = await t.issuer();
  const named = (name) => t.service((req, res) => res.end(name));
  const [api, gold, ann] = [await named('api'), await named('gold'), await named('ann')];
  const url = (service) => ({ url: service.url, path: 'none' });
  const g = await t.gateway({
    auth: { issuer: id.url, audience: 'api', public: ['/open/*'] },
    services: { api: url(api), gold: url(gold), ann: url(ann) },
    routes: [
      { path: '/x/*', to: 'api' },
      { path: '/x/*', when: { 'claim.tier': ['gold', 'platinum'] }, to: 'gold' },
      { path: '/x/*', when: { user: 'ann' }, to: 'ann', priority: 1 },
      { path: '/open/*', to: 'api' },
      { path: '/open/*', when: { user: '*' }, to: 'gold' },
      { path: '/only/*', when: { 'claim.scope': 'beta' }, to: 'gold' },
    ],
  });
  await haveKeys(g);
  const where = async (target, claims) => {
    const answer = await t.ask(g, target, claims ? { token: await id.token(claims) } : {});
    return answer.status === 200 ? answer.text : answer.status;
  };
  assert.equal(await where('/x/1', { sub: 'bob' }), 'api');
  assert.equal(await where('/x/1', { sub: 'bob', tier: 'gold' }), 'gold');
  assert.equal(await where('/x/1', { sub: 'bob', tier: ['silver', 'platinum'] }), 'gold');
  assert.equal(await where('/x/1', { sub: 'ann', tier: 'gold' }), 'ann');
  assert.equal(await where('/x/1', { sub: 'bob', tier: 'gold', exp: 1 }), 401);
  assert.equal(await where('/x/1'), 401);
  assert.equal(await where('/open/1'), 'api');
  assert.equal(await where('/open/1', { sub: 'bob' }), 'gold');
  assert.equal(await where('/open/1', { sub: 'bob', aud: 'others' }), 'api');
  assert.equal(await where('/only/1', { sub: 'bob', scope: 'alpha beta' }), 'gold');
  assert.equal(await where('/only/1', { sub: 'bob', scope: 'alphabeta' }), 404);
  // A route that waits for a key waits where identity decides the route, too.
  const key = await id.replace();
  assert.equal((await t.ask(g, '/x/1', { token: await id.token({ tier: 'gold', sub: 'bob' }, { key }) })).text, 'gold');
});

identityTest('a file of keys is watched: new keys are good at once, removed ones as long as keep_removed_keys', async (t) => {
  const api = await t.service();
  const [first, second] = await Promise.all([makeKey('RS256'), makeKey('ES256')]);
  let file;
  const write = (...keys) => {
    fs.writeFileSync(`${file}.new`, JSON.stringify({ keys: keys.map((k) => k.jwk) }));
    fs.renameSync(`${file}.new`, file);
  };
  const g = await t.gateway(undefined, {
    text: (self) => {
      file = path.join(self.folder, 'keys.json');
      write(first);
      return JSON.stringify(self.complete({ auth: { issuer: 'our-file', jwks: 'keys.json', audience: 'api', keep_removed_keys: '0s' }, services: { api: api.url } }));
    },
  });
  const token = async (key) => t.secret(await sign({ iss: 'our-file', aud: 'api', sub: 'ann', exp: seconds() + 300 }, key));
  const [by1, by2] = [await token(first), await token(second)];
  const status = async (one) => (await t.ask(g, '/api/x', { token: one })).status;
  assert.equal(await status(by1), 200);
  assertProblem(await t.ask(g, '/api/x', { token: by2 }), 401, 'token_unknown_key');
  write(first, second);
  await until('the new key', async () => (await status(by2)) === 200);
  assert.equal(await status(by1), 200);
  write(second);
  await until('the end of the old one', async () => (await status(by1)) === 401);
  assert.equal(await status(by2), 200);
  // A file that is broken changes nothing.
  fs.writeFileSync(file, '{"keys": [');
  await until('the complaint', async () => (await g.metric('gatehouse_reloads_total', { result: 'refused' })) > 0);
  assert.equal(await status(by2), 200);
});
