// Where keys come from: discovery, a provider that is down or talks nonsense, restarts, revocation.
import fs from 'node:fs';
import path from 'node:path';
import { Authority } from './lib/certificates.mjs';
import { kBinary, temporaryFolder } from './lib/gatehouse.mjs';
import { haveKeys, identityTest } from './lib/identity.mjs';
import { kTroubles, makeKey } from './lib/issuer.mjs';
import { assert, assertProblem } from './lib/test.mjs';
import { sleep, until, within } from './lib/wait.mjs';

// What the admin API shows of an issuer.
async function shown(g, name = 'main') {
  const { issuers } = (await g.admin('/keys')).json();
  return issuers.find((i) => i.name === name);
}
const keysCommand = (t, g, ...args) => t.run(kBinary, ['keys', ...args, '--config', g.file]);
const statusOf = async (t, g, token, target = '/api/x') => (await t.ask(g, target, { token })).status;

function assertUndecided(answer, what) {
  assertProblem(answer, 503, 'identity_undecided');
  assert.match(answer.headers['retry-after'] ?? 'none', /^[1-9][0-9]*$/, what);
  assert.equal(answer.headers['www-authenticate'], undefined, what);
}

identityTest('discovery: both spellings, https with the authorities of the system; one fetch each', async (t) => {
  const place = temporaryFolder();
  t.later.push(() => fs.rmSync(place, { recursive: true }));
  const ca = new Authority(place);
  const secure = await t.issuer({ secure: ca.issue('id', 'IP:127.0.0.1'), path: '/realms/one' });
  const foreign = await t.issuer({ secure: new Authority(place, 'stranger').issue('foreign', 'IP:127.0.0.1') });
  const oauth = await t.issuer({ path: '/tenants/7' });
  oauth.wellKnown = '/.well-known/oauth-authorization-server/tenants/7';  // RFC 8414: before the issuer's path
  const direct = await t.issuer();
  const api = await t.service();
  const g = await t.gateway({
    auth: { issuer: { secure: secure.url, foreign: foreign.url, oauth: oauth.url, direct: { issuer: direct.url, jwks: `${direct.url}/jwks` } }, audience: 'api' },
    services: { api: api.url },
  }, { env: { SSL_CERT_FILE: ca.cert } });
  await haveKeys(g, 3);
  for (const id of [secure, oauth, direct]) {
    for (let i = 0; i < 3; i += 1) assert.equal(await statusOf(t, g, await id.token()), 200, id.url);
    assert.equal(id.fetchesOf('keys').length, 1);
    assert.equal(id.fetchesOf('document').length, id === direct ? 0 : 1);
  }
  // Nobody who is not who the certificate says vouches for anybody.
  assertUndecided(await t.ask(g, '/api/x', { token: await foreign.token() }));
  assert.equal(foreign.fetches.length, 0);
  assert.match((await shown(g, 'foreign')).last_fetch.failure, /certificate/i);
});

identityTest('a provider that is down at the very start: 503 where it is needed, and only there; it works once the provider does', async (t) => {
  const id = await t.issuer({ listening: false });
  const well = await t.issuer();
  const api = await t.service();
  const g = await t.gateway({
    auth: { issuer: { main: id.url, well: well.url }, audience: 'api', public: ['/api/open'] },
    services: { api: api.url, free: { url: api.url, auth: 'off' } },
  });
  await haveKeys(g);
  const token = await id.token();
  assertUndecided(await t.ask(g, '/api/x', { token }));
  const started = performance.now();
  assertUndecided(await t.ask(g, '/api/x', { token }));
  assert.ok(performance.now() - started < 5000, 'who comes after a failed round does not wait for the next');
  assertProblem(await t.ask(g), 401, 'unauthorized');
  assertProblem(await t.ask(g, '/api/x', { token: await id.token({ exp: 1 }) }), 401, 'token_expired');
  assert.equal(await statusOf(t, g, await well.token()), 200);
  for (const target of ['/api/open', '/free/x']) assert.equal(await statusOf(t, g, undefined, target), 200);
  assert.equal((await shown(g)).state, 'none');
  assert.equal(await g.metric('gatehouse_issuer_keys', { issuer: 'main' }), 0);
  assert.ok(await g.metric('gatehouse_issuer_fetches_total', { issuer: 'main', result: 'failed' }) > 0);
  assert.match(g.stderr, /keys of .*main.* could not be fetched/);
  await id.up();
  await until('the first keys', async () => (await g.metric('gatehouse_issuer_keys', { issuer: 'main' })) === 1, { within: 60_000 });
  assert.equal(await statusOf(t, g, token), 200);
  assert.equal((await shown(g)).state, 'fresh');
});

identityTest('an unknown kid: one fetch for all who wait, and they are served; what it does not bring is a 401', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const g = await t.gateway({ workers: 2, auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } });
  await haveKeys(g);
  const old = await id.token();
  id.delay = 700;
  await id.add('RS256');
  const waiting = await Promise.all(Array.from({ length: 20 }, async (_, i) => id.token({ sub: `user-${i}` })));
  const answers = await Promise.all(waiting.map((token) => t.ask(g, '/api/x', { token })));
  assert.deepEqual(answers.map((a) => a.json().headers['x-user']), waiting.map((_, i) => `user-${i}`));
  assert.equal(id.fetchesOf('keys').length, 2);
  assert.equal(id.fetchesOf('document').length, 1);
  id.delay = 0;
  assert.equal(await statusOf(t, g, old), 200);
  assertProblem(await t.ask(g, '/api/x', { token: await id.token({}, { key: await makeKey('RS256') }) }), 401, 'token_unknown_key');
  // What no key can cure asks for none.
  const before = id.fetchesOf('keys').length;
  const stranger = await makeKey('RS256');
  const refusals = [{ exp: 1 }, { aud: 'others' }, { iss: 'https://evil.test' }, { nbf: 2 ** 40 }, { cnf: { jkt: 'x' } }];
  for (const claims of refusals) assert.equal(await statusOf(t, g, await id.token(claims, { key: stranger })), 401);
  assert.ok(id.fetchesOf('keys').length - before <= 1, 'only the refresh ahead may have come in between');
});

identityTest('keys without kids: the right one of several is found, and a new one is fetched', async (t) => {
  const kid = null;
  const id = await t.issuer({ keys: await Promise.all(['RS256', 'RS256', 'ES256', 'EdDSA'].map((alg) => makeKey(alg, { kid }))) });
  const api = await t.service();
  const g = await t.gateway({ auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } });
  await haveKeys(g, 4);
  for (const key of id.keys) assert.equal(await statusOf(t, g, await id.token({}, { key })), 200, key.alg);
  const old = await id.token({ jti: 'not seen before' });
  const next = await id.replace('ES256', { kid });
  assert.equal(await statusOf(t, g, await id.token({}, { key: next })), 200);
  assert.equal(await statusOf(t, g, old), 200, 'kept');
  const stranger = await makeKey('ES256', { kid });
  assert.equal(await statusOf(t, g, await id.token({}, { key: stranger })), 401);
});

// A gateway that has the one key of an issuer whose keys have no kid, and how many of what is refused.
async function withoutKids(t) {
  const kid = null;
  const id = await t.issuer({ keys: [await makeKey('ES256', { kid })] });
  const api = await t.service((req, res) => res.end('ok'));
  const g = await t.gateway({ auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } });
  await haveKeys(g);
  const refused = async (tokens) => {
    const answers = await Promise.all(tokens.map((token) => t.ask(g, '/api/x', { token })));
    return answers.filter((a) => a.status !== 200).map((a) => `${a.status} ${a.json().reason}`);
  };
  return { id, refused, replace: () => id.replace('ES256', { kid }) };
}

identityTest('keys without kids: many at once with tokens of a new key are no bad signatures', async (t) => {
  const { id, refused, replace } = await withoutKids(t);
  await replace();
  id.delay = 1000;  // so that all of them come before the key does
  const tokens = await Promise.all(Array.from({ length: 120 }, (_, n) => id.token({ sub: `user-${n}` })));
  assert.deepEqual(await refused(tokens), []);
});

identityTest('keys without kids: more rotations within keep_removed_keys than keys are tried', async (t) => {
  const { id, refused, replace } = await withoutKids(t);
  for (let i = 0; i < 12; i += 1) {
    const before = await id.token({ jti: `before ${i}` });
    await replace();
    assert.deepEqual(await refused([before, await id.token(), await id.token({ jti: 'another' })]), [], `rotation ${i}`);
  }
});

identityTest('nonsense instead of keys: the last good ones stay, state and age are to be seen, and it heals by itself', async (t) => {
  const troubles = Object.keys(kTroubles);
  const ids = await Promise.all([...troubles, 'down'].map(() => t.issuer()));
  const name = (i) => `id${i}`;
  const api = await t.service();
  const g = await t.gateway({
    auth: { issuer: Object.fromEntries(ids.map((id, i) => [name(i), id.url])), audience: 'api' },
    services: { api: api.url },
  });
  await haveKeys(g, ids.length);
  const known = await Promise.all(ids.map((id) => id.token()));
  for (const [i, id] of ids.entries()) {
    if (i < troubles.length) id.trouble = { keys: troubles[i], document: troubles[i] };
    else await id.down();
    await id.add();
  }
  await Promise.all(ids.map(async (id, i) => {
    const what = troubles[i] ?? 'down';
    assertUndecided(await within(`an answer, with ${what}`, t.ask(g, '/api/x', { token: await id.token() }), 11_000), what);
    assert.equal(await statusOf(t, g, known[i]), 200, what);
    assert.equal(await statusOf(t, g, await id.token({ jti: 'fresh' }, { key: id.keys[0] })), 200, what);
    const state = await shown(g, name(i));
    assert.equal(state.state, 'stale', what);
    assert.equal(state.last_fetch.ok, false, what);
    assert.ok(state.last_fetch.failure.length > 5 && state.age_seconds >= 0, what);
    assert.deepEqual(state.keys.map((k) => k.kid), [id.keys[0].kid], what);
    assert.equal(await g.metric('gatehouse_issuer_keys', { issuer: name(i) }), 1, what);
    assert.ok(await g.metric('gatehouse_issuer_keys_age_seconds', { issuer: name(i) }) > 0, what);
    await until(`${what} to be in the log`, () => new RegExp(`${name(i)}\\b.*could not be fetched`).test(g.stderr), { within: 40_000 });
    assert.equal(id.fetches.some((f) => f.path === '/elsewhere'), false, 'redirects are not followed');
  }));
  for (const id of ids) id.trouble = {};
  await ids.at(-1).up();
  await Promise.all(ids.map(async (id, i) => {
    const token = await id.token();
    await until(`${troubles[i] ?? 'down'} to be over`, async () => (await statusOf(t, g, token)) === 200, { within: 40_000, every: 200 });
    assert.equal((await shown(g, name(i))).state, 'fresh');
  }));
}, { timeout: 180_000 });

identityTest('nonsense instead of the document: nobody is let in by it, and it heals by itself', async (t) => {
  const said = {
    ...Object.fromEntries(Object.keys(kTroubles).filter((n) => !/keys?$/.test(n)).map((n) => [n, (id) => { id.trouble = { document: n }; }])),
    'another issuer': (id) => { id.document.issuer = 'https://evil.test'; },
    'the issuer with a slash': (id) => { id.document.issuer += '/'; },
    'no issuer': (id) => { delete id.document.issuer; },
    'no jwks_uri': (id) => { delete id.document.jwks_uri; },
    'keys in clear text from elsewhere': (id) => { id.document.jwks_uri = 'http://keys.gatehouse.test/jwks'; },
    'keys from a file': (id) => { id.document.jwks_uri = 'file:///etc/passwd'; },
  };
  const ids = await Promise.all(Object.values(said).map(async (spoil) => {
    const id = await t.issuer();
    const right = { ...id.document };
    spoil(id);
    return Object.assign(id, { heal: () => { id.trouble = {}; id.document = right; } });
  }));
  const api = await t.service();
  const g = await t.gateway({ auth: { issuer: Object.fromEntries(ids.map((id, i) => [`id${i}`, id.url])), audience: 'api' }, services: { api: api.url } });
  const tokens = await Promise.all(ids.map((id) => id.token()));
  await Promise.all(ids.map(async (id, i) => {
    const what = Object.keys(said)[i];
    assertUndecided(await within(`an answer, with ${what}`, t.ask(g, '/api/x', { token: tokens[i] }), 11_000), what);
    assert.equal((await shown(g, `id${i}`)).state, 'none', what);
  }));
  ids.forEach((id) => id.heal());
  await Promise.all(ids.map((id, i) => until(`${Object.keys(said)[i]} to be over`, async () => (await statusOf(t, g, tokens[i])) === 200, { within: 40_000, every: 200 })));
}, { timeout: 180_000 });

identityTest('a restart without the provider serves from the disk at once, removed keys with it', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const folder = temporaryFolder();
  const config = { auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } };
  const first = await t.gateway(config, { folder });
  await haveKeys(first);
  const old = await id.token();
  await id.replace();
  const token = await id.token();
  assert.equal(await statusOf(t, first, token), 200);
  await first.stop();
  await id.down();
  const second = await t.gateway(config, { folder });
  for (const one of [token, old]) assert.equal(await statusOf(t, second, one), 200);
  assert.deepEqual((await shown(second)).keys.map((k) => k.state).sort(), ['current', 'removed']);
  // A torn file is nobody's keys, and no reason not to start.
  await second.stop();
  const kept = fs.readdirSync(path.join(folder, 'state')).filter((f) => f.startsWith('keys-'));
  assert.equal(kept.length, 1);
  fs.truncateSync(path.join(folder, 'state', kept[0]), 40);
  const third = await t.gateway(config, { folder });
  assertUndecided(await t.ask(third, '/api/x', { token }));
  await id.up();
  await until('keys again', async () => (await statusOf(t, third, token)) === 200, { within: 40_000, every: 200 });
});

identityTest('keep_removed_keys: 10 minutes by default, 0 = at once', async (t) => {
  const [kind, strict] = await Promise.all([t.issuer(), t.issuer()]);
  const api = await t.service();
  const g = await t.gateway({
    auth: { issuer: { kind: kind.url, strict: { issuer: strict.url, keep_removed_keys: '0s' } }, audience: 'api' },
    services: { api: api.url },
  });
  await haveKeys(g, 2);
  for (const [id, expected] of [[kind, 200], [strict, 401]]) {
    const before = [await id.token(), await id.token({ jti: 'not in any cache' })];
    assert.equal(await statusOf(t, g, before[0]), 200);
    await id.replace();
    assert.equal(await statusOf(t, g, await id.token()), 200);
    for (const token of before) assert.equal(await statusOf(t, g, token), expected, `${id.url}: ${expected}`);
  }
  const [removed] = (await shown(g, 'kind')).keys.filter((k) => k.state === 'removed');
  assert.ok(removed.gone_in_seconds > 500 && removed.gone_in_seconds <= 600, JSON.stringify(removed));
});

identityTest('gatehouse keys revoke: dead in all workers within 100 ms, and no refresh or restart brings it back', async (t) => {
  const id = await t.issuer();
  const api = await t.service((req, res) => res.end('ok'));
  const folder = temporaryFolder();
  const config = { workers: 2, auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } };
  const g = await t.gateway(config, { folder });
  await haveKeys(g);
  const { key } = id;
  const token = await id.token();
  const successor = await id.add('ES256');
  const good = await id.token({}, { key: successor });
  assert.equal(await statusOf(t, g, good), 200);

  // On connections of both workers, which have judged the token before.
  const dispatcher = t.agent({ connections: 40 });
  const statuses = async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => t.ask(g, '/api/x', { token, dispatcher })));
    return [...new Set(answers.map((a) => a.status))];
  };
  assert.deepEqual(await statuses(), [200]);
  const done = await keysCommand(t, g, 'revoke', 'main', key.kid);
  assert.equal(done.code, 0, done.stderr);
  await sleep(100);
  assert.deepEqual(await statuses(), [401]);
  assert.equal(await statusOf(t, g, token), 401);
  assert.equal(await statusOf(t, g, good), 200);
  assert.ok(JSON.stringify((await shown(g)).revoked).includes(key.thumbprint));
  assert.equal(await g.metric('gatehouse_issuer_keys_revoked', { issuer: 'main' }), 1);

  // The provider still publishes it.
  const third = await id.add('ES256');
  assert.equal(await statusOf(t, g, await id.token({}, { key: third })), 200, 'a refresh has come');
  assert.equal(await statusOf(t, g, token), 401);
  await g.stop();
  const again = await t.gateway(config, { folder });
  await haveKeys(again, 2);
  assert.equal(await statusOf(t, again, token), 401);
  assert.equal(await statusOf(t, again, good), 200);

  const unknown = await keysCommand(t, again, 'revoke', 'main', 'no-such-kid');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, new RegExp(`no-such-kid[^]*${third.kid}`), 'the known ones are named');
  assert.equal((await keysCommand(t, again, 'revoke', 'nobody', key.kid)).code, 1);
  assert.match((await keysCommand(t, again, 'show')).stdout, new RegExp(third.kid));
  assert.ok(JSON.parse((await keysCommand(t, again, 'show', '--json')).stdout).issuers.length === 1);
  assert.equal((await keysCommand(t, again, 'unrevoke', 'main', key.thumbprint)).code, 0);
  await until('the pardon', async () => (await statusOf(t, again, token)) === 200);
});

identityTest('auth.revoked carries a revocation to a fleet', async (t) => {
  const id = await t.issuer();
  const [key, other] = [id.key, await id.add()];
  const api = await t.service();
  const config = (revoked) => ({ auth: { issuer: id.url, audience: 'api', ...(revoked && { revoked }) }, services: { api: api.url } });
  const g = await t.gateway(config());
  await haveKeys(g, 2);
  const [token, good] = [await id.token({}, { key }), await id.token({}, { key: other })];
  assert.deepEqual([await statusOf(t, g, token), await statusOf(t, g, good)], [200, 200]);
  g.write(config([key.thumbprint]));
  assert.equal((await g.admin('/reload', { method: 'POST' })).status, 200);
  assert.deepEqual([await statusOf(t, g, token), await statusOf(t, g, good)], [401, 200]);
});
