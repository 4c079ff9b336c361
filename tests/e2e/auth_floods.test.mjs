// Floods of bad tokens: what they cost the provider, and that others do not notice.
import { haveKeys, identityTest } from './lib/identity.mjs';
import { makeKey, tokensOfUnknownKeys } from './lib/issuer.mjs';
import { assert, assertProblem, kFull } from './lib/test.mjs';
import { sleep, until } from './lib/wait.mjs';

const kFrom = '127.0.0.9';  // not where the valid clients are

// Asks without end from another address; { statuses, stop }.
function flood(t, g, token, { connections = 100, pause = 5 } = {}) {
  const dispatcher = t.agent({ connections, localAddress: kFrom, headersTimeout: 30_000 });
  const statuses = {};
  let going = true;
  const loops = Array.from({ length: connections }, async () => {
    while (going) {
      const { status, headers } = await t.ask(g, '/api/flood', { token: token(), dispatcher });
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 429 || status === 503) assert.ok(headers['retry-after'], `${status} without Retry-After`);
      if (status !== 401) await sleep(pause);
    }
  });
  return { statuses, stop: async () => { going = false; await Promise.all(loops); return statuses; } };
}

identityTest('random kids: at most one fetch in 5 s, and who has a known key does not notice', async (t) => {
  const id = await t.issuer();
  const api = await t.service((req, res) => res.end('ok'));
  const g = await t.gateway({ workers: 2, auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } });
  await haveKeys(g);
  const bad = flood(t, g, tokensOfUnknownKeys(id), { connections: 600 });
  const end = performance.now() + (kFull ? 60_000 : 12_000);
  let served = 0;
  for (; performance.now() < end; served += 1) {
    const answer = await t.ask(g, '/api/x', { token: await id.token({ jti: served % 2 ? 'known' : `fresh-${served}` }) });
    assert.equal(answer.status, 200, answer.text);
    await sleep(2);
  }
  const starts = id.fetchesOf('keys').map((f) => f.at);
  const statuses = await bad.stop();
  // The first was not asked for by the flood. One that this busy process saw late makes the next seem early, not more.
  const [, ...asked] = starts;
  assert.ok(asked.length >= 2, `${asked.length} fetches`);
  assert.ok((asked.length - 1) * 5000 <= asked.at(-1) - asked[0] + 1500, `fetches at ${asked.map((at) => Math.round(at - asked[0]))} ms`);
  assert.deepEqual(Object.keys(statuses), ['401', '503'].filter((s) => statuses[s]), JSON.stringify(statuses));
  assert.ok(statuses[401] > 0 && statuses[503] > 0, `some wait, and they are bounded by address: ${JSON.stringify(statuses)}`);
  // Of the others none waited for a fetch. (Client, service and provider share this process: what counts is the gateway's.)
  const own = await until('the records', () => {
    const found = g.log().filter((r) => r.path === '/api/x').map((r) => r.own);
    return found.length === served && found;
  });
  own.sort((a, b) => a - b);
  assert.ok(own[Math.floor(own.length * 0.99)] < 0.1, `P99 ${own[Math.floor(own.length * 0.99)]} s`);
  assert.ok(g.log().some((r) => r.path === '/api/flood' && r.own > 1), 'a wait would be seen');
}, { timeout: 180_000 });

identityTest('fresh bad signatures: 429 for that address beyond the bound; known tokens and other addresses go on', async (t) => {
  const id = await t.issuer();
  const api = await t.service((req, res) => res.end('ok'));
  const g = await t.gateway({ auth: { issuer: id.url, audience: 'api', bad_signatures: '10/s burst 20' }, services: { api: api.url } });
  await haveKeys(g);
  const there = t.agent({ localAddress: kFrom });
  const known = await id.token({ jti: 'known' });
  assert.equal((await t.ask(g, '/api/x', { token: known, dispatcher: there })).status, 200);
  const stranger = await makeKey('ES256', { kid: id.key.kid });
  const forged = await Promise.all(Array.from({ length: 60 }, (_, i) => id.token({ jti: `forged-${i}` }, { key: stranger })));
  const answers = await Promise.all(forged.map((token) => t.ask(g, '/api/x', { token, dispatcher: there })));
  const of = (status) => answers.filter((a) => a.status === status);
  assert.ok(of(401).length >= 20 && of(401).length < 45 && of(429).length === 60 - of(401).length, `${of(401).length} and ${of(429).length}`);
  for (const a of of(401)) assert.equal(a.json().reason, 'token_signature');
  for (const a of of(429)) {
    assertProblem(a, 429, 'too_many_bad_tokens');
    assert.ok(Number(a.headers['retry-after']) >= 1);
  }
  const fresh = async (dispatcher) => (await t.ask(g, '/api/x', { token: await id.token({ jti: `fresh-${Math.random()}` }), dispatcher })).status;
  assert.equal((await t.ask(g, '/api/x', { token: known, dispatcher: there })).status, 200, 'what was judged already');
  assert.equal(await fresh(), 200, 'another address');
  await until('that address to be heard again', async () => (await fresh(there)) === 200);
  // One token again and again is judged once.
  const [one] = forged;
  for (let i = 0; i < 100; i += 1) assert.equal((await t.ask(g, '/api/x', { token: one })).status, 401);
  assert.equal(await fresh(), 200);
});

identityTest('clients that leave while they wait leave nothing behind', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const g = await t.gateway({ auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } });
  await haveKeys(g);
  id.delay = 3000;
  const token = tokensOfUnknownKeys(id);
  const waiting = await Promise.all(Array.from({ length: 50 }, async () => {
    const c = await t.client(g);
    c.send(`GET /api/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token()}\r\n\r\n`);
    return c;
  }));
  await until('all of them to wait', async () => (await g.metric('gatehouse_requests_in_progress')) === 50);
  waiting.forEach((c, i) => (i % 2 ? c.close() : c.reset()));
  await until('none to wait', async () => (await g.metric('gatehouse_requests_in_progress')) === 0, { within: 2500 });
  assert.equal(api.requests, 0);
  await id.add();
  assert.equal((await t.ask(g, '/api/x', { token: await id.token() })).status, 200, 'places are free again');
});

identityTest('a gateway that ends while requests wait for a key', async (t) => {
  const id = await t.issuer();
  const api = await t.service();
  const g = await t.gateway({ drain: '1s', auth: { issuer: id.url, audience: 'api' }, services: { api: api.url } });
  await haveKeys(g);
  id.delay = 60_000;
  const c = await t.client(g);
  c.send(`GET /api/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokensOfUnknownKeys(id)()}\r\n\r\n`);
  await until('it to wait', async () => (await g.metric('gatehouse_requests_in_progress')) === 1);
  assert.deepEqual(await g.stop(), { code: 0, signal: null });
});
