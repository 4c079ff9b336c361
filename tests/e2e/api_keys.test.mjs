// API keys: in a header, the query or a cookie; cut out of what goes on; and several methods on one route.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { challengeOf, haveKeys, identityTest } from './lib/identity.mjs';
import { kBinary } from './lib/gatehouse.mjs';
import { assert, assertProblem } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

const sha256 = (key) => createHash('sha256').update(key).digest('hex');
const newKey = (t) => t.secret(randomBytes(24).toString('base64url'));

// A gateway with these keys, and who they are.
async function withKeys(t, auth, more = {}) {
  const keys = { ann: newKey(t), bob: newKey(t), late: newKey(t), off: newKey(t) };
  const api = await t.service();
  const g = await t.gateway({
    auth: {
      send: { 'x-user': 'user', 'x-org': 'claim.org', 'x-how': 'method' },
      ...auth,
      api_keys: {
        keys: {
          ann: { sha256: sha256(keys.ann), claims: { org: 'acme', tier: 'gold', scopes: ['a', 'b'] } },
          bob: sha256(keys.bob),
          late: { sha256: sha256(keys.late), expires: '2020-01-01T00:00:00Z' },
          off: { sha256: sha256(keys.off), disabled: true },
        },
        ...auth?.api_keys,
      },
    },
    services: { api: api.url },
    ...more,
  });
  return { keys, api, g };
}

identityTest('in a header: who it is, and why not; the service does not see the key', async (t) => {
  const { keys, api, g } = await withKeys(t, {}, {
    routes: [{ path: '/api/*', to: 'api' }, { path: '/api/gold', to: 'api', auth: { require: { 'claim.tier': 'gold' } } }, { path: '/api/scoped', to: 'api', auth: { require: { 'claim.scopes': 'b' } } }],
  });
  const ask = (key, target = '/api/x', headers = {}) => t.ask(g, target, { headers: { ...(key ? { 'X-Api-Key': key } : {}), ...headers } });
  const none = await ask();
  assertProblem(none, 401, 'unauthorized');
  assert.ok(none.headers['www-authenticate'], 'a 401 has a challenge');
  for (const [key, reason] of [
    [t.secret('no-such-key-no-such-key'), 'api_key_unknown'], [keys.ann.slice(1), 'api_key_unknown'], [`${keys.ann}x`, 'api_key_unknown'],
    [sha256(keys.ann), 'api_key_unknown'], [keys.late, 'api_key_expired'], [keys.off, 'api_key_expired'],
  ]) {
    assertProblem(await ask(key), 401, reason);
    await g.logged(reason, (r) => r.reason === reason);
  }
  assert.equal(api.requests, 0);
  const { headers } = (await ask(keys.ann)).json();
  assert.deepEqual([headers['x-user'], headers['x-org'], headers['x-how'], headers['x-api-key']], ['ann', 'acme', 'api_key', undefined]);
  assert.equal((await ask(keys.bob)).json().headers['x-user'], 'bob');
  assert.equal((await g.logged('ann', (r) => r.status === 200)).user, 'ann');
  assert.deepEqual([(await ask(keys.ann, '/api/gold')).status, (await ask(keys.bob, '/api/gold')).status, (await ask(keys.ann, '/api/scoped')).status], [200, 403, 200]);
  // Two of them: nobody says which one counts.
  const c = await t.client(g);
  c.send(`GET /api/x HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${keys.ann}\r\nX-Api-Key: ${keys.bob}\r\n\r\n`);
  assertProblem(await c.answer(), 400, 'conflicting_credentials');
});

identityTest('passed on only where it says so', async (t) => {
  const { keys, g } = await withKeys(t, { api_keys: { send: true } });
  const { headers } = (await t.ask(g, '/api/x', { headers: { 'x-api-key': keys.ann } })).json();
  assert.deepEqual([headers['x-user'], headers['x-api-key']], ['ann', keys.ann]);
});

identityTest('in the query: cut out of what is forwarded, all else byte for byte; of Referer and the log\'s `query` too', async (t) => {
  const { keys, g } = await withKeys(t, { api_keys: { in: 'query.key' } }, {});
  g.write({
    ...JSON.parse(fs.readFileSync(g.file, 'utf8')),
    log: { to: g.logFile, fields: ['method', 'path', 'query', 'user', 'status', 'reason'] },
  });
  const reloaded = await g.admin('/reload', { method: 'POST' });
  assert.equal(reloaded.status, 200, reloaded.text);
  const key = keys.ann;
  const coded = [...key].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');
  t.secret(coded);
  const rest = 'a=%2f%2F+b&&=&c[]=%7E;d&x-key=1&keys=2';
  for (const [query, forwarded] of [
    [`key=${key}`, ''],
    [`key=${key}&${rest}`, `?${rest}`],
    [`${rest}&key=${key}`, `?${rest}`],
    [`a=1&key=${key}&b=2`, '?a=1&b=2'],
    [`key=${coded}&a=1`, '?a=1'],
    [`k%65y=${key}&a=1`, '?a=1'],
  ]) {
    const c = await t.client(g);
    c.send(`GET /api/x?${query} HTTP/1.1\r\nHost: a\r\nReferer: https://shop.test/list?page=2&key=${key}#top\r\n\r\n`);
    const answer = await c.answer();
    assert.equal(answer.status, 200, `${query}: ${answer.text}`);
    const seen = JSON.parse(answer.text);
    assert.equal(seen.url, `/api/x${forwarded}`, query);
    assert.deepEqual([seen.headers['x-user'], seen.headers.referer], ['ann', 'https://shop.test/list?page=2#top'], query);
    c.close();
  }
  const record = await g.logged('the rest of a query', (r) => r.query?.includes('x-key'));
  assert.deepEqual([record.query, record.user], [`?${rest}`, 'ann']);
  // A key that is not good is no less a secret, and nor is one in the Referer alone.
  const wrong = t.secret('wrong-key-wrong-key-wrong');
  assertProblem(await t.ask(g, `/api/x?key=${wrong}`), 401, 'api_key_unknown');
  assertProblem(await t.ask(g, '/api/x?a=1', { headers: { referer: `https://shop.test/?key=${wrong}` } }), 401, 'unauthorized');
  assertProblem(await t.ask(g, `/api/x?key=${keys.ann}&key=${keys.bob}`), 400, 'conflicting_credentials');
});

identityTest('in a cookie: cut out of Cookie, the others stay', async (t) => {
  const { keys, g } = await withKeys(t, { api_keys: { in: 'cookie.session_key' } });
  for (const [cookie, forwarded] of [
    [`session_key=${keys.ann}`, undefined],
    [`a=1; session_key=${keys.ann}; b=2`, 'a=1; b=2'],
    [`session_key=${keys.ann}; b=2`, 'b=2'],
    [`a=1; session_key=${keys.ann}`, 'a=1'],
    [`my_session_key=9; session_key=${keys.ann}`, 'my_session_key=9'],
  ]) {
    const answer = await t.ask(g, '/api/x', { headers: { cookie } });
    assert.equal(answer.status, 200, `${cookie}: ${answer.text}`);
    assert.deepEqual([answer.json().headers['x-user'], answer.json().headers.cookie], ['ann', forwarded]);
  }
  assertProblem(await t.ask(g, '/api/x', { headers: { cookie: `session_key=${t.secret('wrong-key-wrong-key-wrong')}` } }), 401, 'api_key_unknown');
});

identityTest('where none are needed: a good key names the user, a bad one is cut out; `auth: off` cuts nothing', async (t) => {
  const { keys, g } = await withKeys(t, { public: ['/api/open'] }, {
    routes: [{ path: '/api/*', to: 'api' }, { path: '/api/raw', to: 'api', auth: 'off' }],
  });
  const wrong = t.secret('wrong-key-wrong-key-wrong');
  const seen = async (target, key) => {
    const { headers } = (await t.ask(g, target, { headers: { 'x-api-key': key } })).json();
    return [headers['x-user'], headers['x-api-key']];
  };
  assert.deepEqual(await seen('/api/open', keys.ann), ['ann', undefined]);
  assert.deepEqual(await seen('/api/open', wrong), [undefined, undefined]);
  assert.deepEqual(await seen('/api/open', keys.off), [undefined, undefined]);
  assert.deepEqual(await seen('/api/raw', keys.ann), [undefined, keys.ann]);
});

identityTest('tokens and keys on one route: Authorization decides alone, and routes choose a method', async (t) => {
  const id = await t.issuer();
  const { keys, g } = await withKeys(t, { issuer: id.url, audience: 'api' }, {
    routes: [{ path: '/api/*', to: 'api' }, { path: '/api/keys', to: 'api', auth: 'api_keys' }, { path: '/api/tokens', to: 'api', auth: ['main'] }],
  });
  await haveKeys(g);
  const token = await id.token();
  const expired = await id.token({ exp: 1 });
  const who = async (target, { token: bearer, key }) => {
    const answer = await t.ask(g, target, { token: bearer, headers: key ? { 'x-api-key': key } : {} });
    return answer.status === 200 ? answer.json().headers['x-user'] : answer.status;
  };
  assert.equal(await who('/api/x', { token }), 'main:ann');
  assert.equal(await who('/api/x', { key: keys.bob }), 'api_keys:bob');
  assert.equal(await who('/api/x', { token, key: keys.bob }), 'main:ann');
  assert.equal(await who('/api/x', { token, key: keys.off }), 'main:ann');
  assert.equal(await who('/api/x', { token: expired, key: keys.bob }), 401, 'a bad token is not made up for');
  assert.equal(await who('/api/keys', { key: keys.bob }), 'api_keys:bob');
  assert.equal(await who('/api/keys', { token }), 403);
  assert.equal(await who('/api/tokens', { key: keys.bob }), 403);
  assert.equal(await who('/api/tokens', { token }), 'main:ann');
  // The key that did not decide does not reach the service either.
  const both = await t.ask(g, '/api/x', { token, headers: { 'x-api-key': keys.bob } });
  assert.equal(both.json().headers['x-api-key'], undefined);
  assert.ok(challengeOf(await t.ask(g, '/api/x')).realm);
});

identityTest('a file of keys is watched: added, disabled and removed while it runs; `gatehouse key create` prints one once', async (t) => {
  const api = await t.service();
  const [ann, bob] = [newKey(t), newKey(t)];
  let file;
  const write = (text) => {
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  };
  const line = (name, key, more = '') => `${name}: {sha256: ${sha256(key)}${more}}\n`;
  const g = await t.gateway(undefined, {
    text: (self) => {
      file = path.join(self.folder, 'keys.yaml');
      write(line('ann', ann));
      return JSON.stringify(self.complete({ auth: { api_keys: { file: 'keys.yaml' } }, services: { api: api.url } }));
    },
  });
  const status = async (key) => (await t.ask(g, '/api/x', { headers: { 'x-api-key': key } })).status;
  assert.deepEqual([await status(ann), await status(bob)], [200, 401]);
  write(line('ann', ann) + line('bob', bob));
  await until("bob's key", async () => (await status(bob)) === 200);
  write(line('ann', ann, ', disabled: true') + line('bob', bob));
  await until("the end of ann's", async () => (await status(ann)) === 401);
  write(`${line('ann', ann)}bob: {sha265: x}\n`);
  await until('the complaint', () => /keys\.yaml:2/.test(g.stderr));
  assert.deepEqual([await status(ann), await status(bob)], [401, 200], 'a broken file changes nothing');

  const made = await t.run(kBinary, ['key', 'create', 'carol']);
  assert.equal(made.code, 0, made.stderr);
  const hash = /sha256: "?([0-9a-f]{64})/.exec(made.stdout + made.stderr)[1];
  const key = (made.stdout + made.stderr).split(/[\s"]+/).find((word) => sha256(word) === hash);
  assert.ok(key?.length >= 32, 'the key is printed with its hash');
  t.secret(key);
  write(`carol: ${hash}\n`);
  await until("carol's key", async () => (await status(key)) === 200);
  assert.equal(await status(bob), 401);
});
