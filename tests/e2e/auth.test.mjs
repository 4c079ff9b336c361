// Bearer tokens: who is let in, what is refused and how it is said, and what the service is told.
import { createHmac } from 'node:crypto';
import { CompactSign, UnsecuredJWT, exportJWK, exportSPKI } from 'jose';
import { challengeOf, haveKeys, identityTest } from './lib/identity.mjs';
import { kAlgorithms, makeKey, seconds, sign } from './lib/issuer.mjs';
import { assert, assertProblem } from './lib/test.mjs';

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const user = (answer) => answer.json().headers['x-user'];

// A service behind tokens of one issuer, whose keys the gateway has.
async function protectedService({ service, gateway, issuer }, { auth = {}, keys, ...config } = {}) {
  const id = await issuer({ keys });
  const api = await service();
  const g = await gateway({ auth: { issuer: id.url, audience: 'api', ...auth }, services: { api: api.url }, ...config });
  await haveKeys(g);
  return { id, api, g };
}

identityTest('without credentials: 401, a challenge without an error, a problem document; with a token: 200 and x-user', async (t) => {
  const { id, api, g } = await protectedService(t);
  const none = await t.ask(g);
  assertProblem(none, 401, 'unauthorized');
  assert.deepEqual(Object.keys(challengeOf(none)), ['realm']);
  assertProblem(await t.ask(g, '/api/x', { method: 'HEAD' }), 401, 'unauthorized', { head: true });
  assertProblem(await t.ask(g, '/api/x', { method: 'POST', body: 'x'.repeat(100_000) }), 401, 'unauthorized');
  const other = await t.ask(g, '/api/x', { headers: { authorization: `Basic ${Buffer.from('ann:a long password').toString('base64')}` } });
  assert.equal(other.status, 401);
  assert.ok(challengeOf(other).realm);
  assert.equal(api.requests, 0);

  const token = await id.token();
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const good = await t.ask(g, '/api/x', { headers: { authorization: `${scheme} ${token}` } });
    assert.equal(good.status, 200, good.text);
    assert.equal(user(good), 'ann');
    assert.equal(good.json().headers.authorization, `${scheme} ${token}`, 'the token is passed on');
    assert.equal(good.headers['www-authenticate'], undefined);
  }
  const record = await g.logged('the good one', (r) => r.status === 200);
  assert.equal(record.user, 'ann');
  const refused = await g.logged('the first', (r) => r.reason === 'unauthorized');
  assert.equal(refused.status, 401);
  assert.ok(await g.metric('gatehouse_failures_total', { reason: 'unauthorized' }) >= 3);
});

identityTest('every algorithm, the first time and again', async (t) => {
  const keys = await Promise.all(kAlgorithms.map((alg) => makeKey(alg)));
  const { id, g } = await protectedService(t, { keys });
  for (const key of keys) {
    const token = await id.token({ sub: key.alg }, { key });
    for (let i = 0; i < 3; i += 1) assert.equal(user(await t.ask(g, '/api/x', { token })), key.alg, `${key.alg}, time ${i}`);
  }
  assert.equal(id.fetchesOf('keys').length, 1);
});

// Each fault with the reason that log and metrics give; `twin` mends only that, so that no row passes by refusing all.
async function faults(id, key) {
  const now = seconds();
  const stranger = await makeKey('RS256', { kid: key.kid });
  const other = await makeKey('RS256');
  const pem = await exportSPKI(key.publicKey);
  const hmac = (secret, header = {}) => {
    const text = `${base64url({ alg: 'HS256', typ: 'at+jwt', kid: key.kid, ...header })}.${base64url(id.claims())}`;
    return id.remember(`${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`);
  };
  const good = await id.token({ jti: 'good' });
  const [head, body, signature] = good.split('.');
  const none = (alg) => id.remember(`${base64url({ alg, typ: 'at+jwt', kid: key.kid })}.${body}.`);
  const flipped = Buffer.from(signature, 'base64url');
  flipped[10] ^= 1;
  const raw = (payload) => new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg: 'RS256', kid: key.kid, typ: 'at+jwt' }).sign(key.privateKey);
  return [
    ['expired', await id.token({ exp: now - 90 }), 'token_expired'],
    ['expired long ago', await id.token({ exp: 1 }), 'token_expired'],
    ['for another audience', await id.token({ aud: 'others' }), 'token_audience'],
    ['for other audiences', await id.token({ aud: ['a', 'ap', 'API', 'api ', 'apis'] }), 'token_audience'],
    ['for no audience', await id.token({ aud: undefined }), 'token_audience'],
    ['of another issuer', await id.token({ iss: 'https://evil.test' }), 'token_issuer'],
    ['of the issuer, with a slash', await id.token({ iss: `${id.url}/` }), 'token_issuer'],
    ['of no issuer', await id.token({ iss: undefined }), 'token_issuer'],
    ['not yet', await id.token({ nbf: now + 300 }), 'token_not_yet_valid'],
    ['signed by a stranger under our kid', await id.token({}, { key: stranger }), 'token_signature'],
    ['one bit of the signature', id.remember(`${head}.${body}.${flipped.toString('base64url')}`), 'token_signature'],
    ['another payload', id.remember(`${head}.${base64url(id.claims({ sub: 'root' }))}.${signature}`), 'token_signature'],
    ['a key that it brings along', await id.token({}, { key: stranger, header: { jwk: await exportJWK(stranger.publicKey) } }), 'token_signature'],
    ['where its keys would be', await id.token({}, { key: stranger, header: { jku: `${id.url}/jwks`, x5u: `${id.url}/jwks` } }), 'token_signature'],
    ['an unknown kid', await id.token({}, { key: other }), 'token_unknown_key'],
    ['none', none('none'), 'token_algorithm'],
    ['None', none('None'), 'token_algorithm'],
    ['nOnE', none('nOnE'), 'token_algorithm'],
    ['unsecured', id.remember(new UnsecuredJWT(id.claims()).encode()), 'token_algorithm'],
    ['HS256 by the public key', hmac(pem), 'token_algorithm'],
    ['HS256 by the public key, trimmed', hmac(pem.trim()), 'token_algorithm'],
    ['HS256 by nothing', hmac(''), 'token_algorithm'],
    ['another typ', await id.token({}, { header: { typ: 'JWT' } }), 'token_type'],
    ['no typ', await id.token({}, { header: { typ: undefined } }), 'token_type'],
    ['bound to its sender', await id.token({ cnf: { jkt: key.thumbprint } }), 'token_bound'],
    ['not a token', 'garbage-that-is-no-token-at-all', 'token_malformed'],
    ['two parts', id.remember(`${head}.${body}`), 'token_malformed'],
    ['four parts', id.remember(`${good}.${signature}`), 'token_malformed'],
    ['padded', id.remember(`${good}=`), 'token_malformed'],
    ['no signature', id.remember(`${head}.${body}.`), 'token_signature|token_malformed'],
    ['a payload that is no object', id.remember(await raw('"ann"')), 'token_malformed'],
    ['a claim twice', id.remember(await raw(`{"iss":"${id.url}","sub":"ann","sub":"root","aud":"api","exp":${now + 300}}`)), 'token_malformed'],
    ['a time that is a text', await id.token({}, {}).then(() => raw(`{"iss":"${id.url}","sub":"ann","aud":"api","exp":"${now + 300}"}`)).then((x) => id.remember(x)), 'token_malformed'],
    ['no end', await id.token({ exp: undefined }), 'token_malformed|token_expired'],
  ];
}

identityTest('every fault: 401 with invalid_token, its reason in the log and the metrics, and the service never sees it', async (t) => {
  const key = await makeKey('RS256');
  const { id, api, g } = await protectedService(t, { keys: [key], auth: { typ: 'at+jwt' } });
  const counts = {};
  const rows = await faults(id, key);
  for (const [name, token, reasons] of rows) {
    // Again: what is remembered of a refused token says the same.
    for (const time of ['first', 'again']) {
      const answer = await t.ask(g, `/api/${encodeURIComponent(name)}/${time}`, { token });
      assert.equal(answer.status, 401, `${name}, ${time}: ${answer.text}`);
      const { reason } = answer.json();
      assert.match(reason, new RegExp(`^(${reasons})$`), `${name}, ${time}`);
      assertProblem(answer, 401, reason);
      const challenge = challengeOf(answer);
      assert.equal(challenge.error, 'invalid_token', name);
      assert.ok(challenge.realm && challenge.error_description, name);
      counts[reason] = (counts[reason] ?? 0) + 1;
    }
  }
  assert.equal(api.requests, 0);
  for (const [reason, n] of Object.entries(counts)) {
    assert.equal(await g.metric('gatehouse_failures_total', { reason }), n, reason);
    await g.logged(`${n} of ${reason}`, () => g.log().filter((r) => r.reason === reason && r.status === 401).length === n);
  }
  assert.equal(g.log().filter((r) => r.user).length, 0, 'nobody is named');
  assert.equal(user(await t.ask(g, '/api/x', { token: await id.token() })), 'ann');
});

identityTest('what must be accepted: clocks that differ by the leeway, lists of audiences, odd but right spellings', async (t) => {
  const { id, g } = await protectedService(t, { keys: [await makeKey('RS256')] });
  const now = seconds();
  for (const [name, token] of [
    ['just expired', await id.token({ exp: now - 20 })],
    ['nearly valid', await id.token({ nbf: now + 20, iat: now + 20 })],
    ['fractions', await id.token({ exp: now + 100.5, iat: now - 0.25 })],
    ['far away', await id.token({ exp: 2 ** 53 + 2 })],
    ['several audiences', await id.token({ aud: ['others', 'api'] })],
    ['no iat', await id.token({ iat: undefined })],
    ['no typ', await id.token({}, { header: { typ: undefined } })],
    ['another typ', await id.token({}, { header: { typ: 'application/at+jwt' } })],
    ['a key that it brings along, and that nobody looks at', await id.token({}, { header: { jwk: await exportJWK((await makeKey('RS256')).publicKey) } })],
    ['long', await id.token({ filling: 'x'.repeat(6000) })],
  ]) assert.equal(user(await t.ask(g, '/api/x', { token })), 'ann', name);
});

identityTest('two Authorization headers are a 400, whatever is in them', async (t) => {
  const { id, api, g } = await protectedService(t);
  const token = await id.token();
  for (const pair of [[`Bearer ${token}`, `Bearer ${token}`], ['Basic YTpi', `Bearer ${token}`], [`Bearer ${token}`, '']]) {
    const c = await t.client(g);
    c.send(`GET /api/x HTTP/1.1\r\nHost: a\r\n${pair.map((v) => `Authorization: ${v}\r\n`).join('')}\r\n`);
    assertProblem(await c.answer(), 400, 'conflicting_credentials');
  }
  assert.equal(api.requests, 0);
});

// Names that some service would take for x-user.
const kSpellings = ['X-User', 'x-user', 'X_User', 'x_user', 'X.User', 'x.user', 'X-USER'];
const alike = (name) => name.toLowerCase().replace(/[_.]/g, '-') === 'x-user';
function seenAs(answer) {
  const { raw, trailers } = JSON.parse(answer.text);
  const values = raw.filter((_, i) => i % 2 === 1 && alike(raw[i - 1]));
  return { values, trailers: Object.keys(trailers).filter(alike) };
}

identityTest('identity headers of clients never reach a service: any spelling, trailers, Connection, with and without `auth`', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const g = await t.gateway({
    auth: { issuer: id.url, audience: 'api', public: ['/api/public/*'] },
    services: { api: api.url, open: { url: api.url, auth: 'off' }, maybe: { url: api.url, auth: 'optional' } },
  });
  await haveKeys(g);
  const token = await id.token();
  const forged = kSpellings.map((name) => `${name}: root\r\n`).join('');
  for (const [target, authorization, values] of [
    ['/api/x', `Authorization: Bearer ${token}\r\n`, ['ann']],
    ['/api/public/x', `Authorization: Bearer ${token}\r\n`, ['ann']],
    ['/api/public/x', '', []],
    ['/maybe/x', '', []],
    ['/open/x', '', []],
    ['/open/x', `Authorization: Bearer ${token}\r\n`, []],
  ]) {
    for (const connection of ['', 'Connection: x-user\r\n', 'Connection: X_User, keep-alive\r\n']) {
      const c = await t.client(g);
      c.send(`POST ${target} HTTP/1.1\r\nHost: a\r\n${forged}${connection}${authorization}Transfer-Encoding: chunked\r\nTrailer: x-user\r\n\r\n`
        + `3\r\nabc\r\n0\r\n${forged}X-Sum: 1\r\n\r\n`);
      const answer = await c.answer();
      const what = `${target} ${authorization.slice(0, 20)} ${connection}`;
      assert.equal(answer.status, 200, `${what}: ${answer.text}`);
      assert.deepEqual(seenAs(answer), { values, trailers: [] }, what);
    }
  }
});

identityTest('`send`: claims, lists, issuer, method; what no header may carry is percent-encoded; Authorization removed', async (t) => {
  const { id, g } = await protectedService(t, {
    auth: {
      user: 'claim.email',
      send: { 'x-user': 'user', 'x-org': 'claim.org.name', 'x-roles': 'claim.roles', 'x-level': 'claim.level', 'x-by': 'issuer', 'x-how': 'method', authorization: 'remove' },
    },
  });
  const seen = async (claims) => (await t.ask(g, '/api/x', { token: await id.token(claims), headers: { 'x-roles': 'admin', 'x-level': '99' } })).json().headers;
  const plain = await seen({ email: 'ann@example.com', org: { name: 'Acme' }, roles: ['reader', 'writer'], level: 7 });
  assert.deepEqual(
    [plain['x-user'], plain['x-org'], plain['x-level'], plain['x-by'], plain['x-how'], plain.authorization],
    ['ann@example.com', 'Acme', '7', 'main', 'jwt', undefined]);
  assert.deepEqual(plain['x-roles'].split(/, */), ['reader', 'writer']);
  const without = await seen({ email: 'bob@example.com' });
  assert.deepEqual([without['x-user'], without['x-org'], without['x-roles'], without['x-level']], ['bob@example.com', undefined, undefined, undefined]);
  // Whatever the text, the service gets one line that decodes to it.
  for (const text of ['Zoë', '名前', 'a\r\nX-Admin: 1', 'nul\0', 'tab\tinside', ' spaces around ', '100%', '%41', 'del\x7f', 'x"y', '\u{1f600}']) {
    const headers = await seen({ email: text, org: { name: text } });
    assert.match(headers['x-user'], /^[\x20-\x7e]+$/, JSON.stringify(text));
    assert.equal(decodeURIComponent(headers['x-user']), text);
    assert.equal(decodeURIComponent(headers['x-org']), text);
    assert.equal(headers['x-admin'], undefined);
  }
  // A list stays one whose elements can be told apart.
  const list = (await seen({ email: 'ann', roles: ['a,b', 'c, d', 'é'] }))['x-roles'];
  assert.deepEqual(list.split(',').map((item) => decodeURIComponent(item.trim())), ['a,b', 'c, d', 'é']);
});

identityTest('a shared secret: HS256, HS384, HS512, and nothing else; it is printed nowhere', async (t) => {
  const text = t.secret('a secret of five hundred and twelve bits, which HS512 cannot do without');
  const api = await t.service();
  const g = await t.gateway({ auth: { issuer: 'tests', audience: 'api', algs: ['HS256', 'HS384', 'HS512'], secret: '$SHARED' }, services: { api: api.url } }, { env: { SHARED: text } });
  const now = seconds();
  const claims = { iss: 'tests', aud: 'api', sub: 'ann', exp: now + 300 };
  const key = (secret) => Buffer.from(secret.padEnd(64, '.'));
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    const good = await t.ask(g, '/api/x', { token: t.secret(await hs(claims, alg, Buffer.from(text))) });
    assert.equal(good.status, 200, `${alg}: ${good.text}`);
    assert.equal(user(good), 'ann');
    assertProblem(await t.ask(g, '/api/x', { token: t.secret(await hs(claims, alg, key('another'))) }), 401, 'token_signature');
  }
  const rsa = await makeKey('RS256');
  assertProblem(await t.ask(g, '/api/x', { token: t.secret(await sign(claims, rsa)) }), 401, 'token_algorithm');
});

function hs(claims, alg, secret) {
  const text = `${base64url({ alg })}.${base64url(claims)}`;
  return `${text}.${createHmac(`sha${alg.slice(2)}`, secret).update(text).digest('base64url')}`;
}
