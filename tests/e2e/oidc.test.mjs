// A real identity provider, npm `oidc-provider`: its tokens are accepted, its claims can be used in rules, and its
// rotations go unnoticed.
import { haveKeys, identityTest } from './lib/identity.mjs';
import { assert, assertProblem } from './lib/test.mjs';

const kAlgs = ['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'];

identityTest('every token of it, by each algorithm; client_id, scope and its own claims in rules and headers', async (t) => {
  const ids = await Promise.all(kAlgs.map((alg) => t.oidc({ alg })));
  const api = await t.service();
  const name = (alg) => alg.toLowerCase();
  const g = await t.gateway({
    auth: {
      issuer: Object.fromEntries(ids.map((id, i) => [name(kAlgs[i]), id.url])),
      audience: ids[0].audience,
      typ: 'at+jwt',
      send: { 'x-user': 'user', 'x-client': 'claim.client_id', 'x-scope': 'claim.scope', 'x-groups': 'claim.groups' },
    },
    services: { api: api.url },
    routes: [
      { path: '/api/orders', method: 'GET', to: 'api', auth: { require: { 'claim.scope': 'orders:read', 'claim.client_id': 'robot' } } },
      { path: '/api/orders', method: 'POST', to: 'api', auth: { require: { 'claim.scope': 'orders:write', 'claim.tier': 'gold' } } },
    ],
  });
  await haveKeys(g, ids.length);
  for (const [i, id] of ids.entries()) {
    const [reader, writer] = [await id.token('orders:read'), await id.token('orders:read orders:write')];
    for (let time = 0; time < 2; time += 1) {
      const answer = await t.ask(g, '/api/orders', { token: reader });
      assert.equal(answer.status, 200, `${kAlgs[i]}: ${answer.text}`);
      const { headers } = answer.json();
      assert.deepEqual([headers['x-user'], headers['x-client'], headers['x-groups'].split(/, */)], [`${name(kAlgs[i])}:robot`, 'robot', ['staff', 'night']]);
    }
    assertProblem(await t.ask(g, '/api/orders', { token: reader, method: 'POST' }), 403, 'insufficient');
    assert.equal((await t.ask(g, '/api/orders', { token: writer, method: 'POST' })).status, 200);
  }
});

identityTest('its rotations: no token of it is ever refused', async (t) => {
  const id = await t.oidc();
  const api = await t.service((req, res) => res.end('ok'));
  const g = await t.gateway({ workers: 2, auth: { issuer: id.url, audience: id.audience }, services: { api: api.url } });
  await haveKeys(g);
  const tokens = [await id.token()];
  // With its old key still in the set, without it, and by another algorithm.
  for (const options of [{}, { keep: 0 }, { alg: 'ES256', keep: 0 }, { alg: 'PS256' }]) {
    await id.rotate(options);
    tokens.push(...await Promise.all([id.token(), id.token('orders:write')]));
    const answers = await Promise.all(tokens.flatMap((token) => [1, 2, 3].map(() => t.ask(g, '/api/x', { token }))));
    assert.deepEqual(answers.map((a) => a.status).filter((s) => s !== 200), [], JSON.stringify(options));
  }
});
