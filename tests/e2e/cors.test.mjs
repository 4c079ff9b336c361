// CORS as a browser sees it: pages of other origins in a real Chromium, and what only a raw request can show.
import { after, before } from 'node:test';
import { Browser, browserVersion, fetchIn, openPage } from './lib/browser.mjs';
import { echo } from './lib/service.mjs';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';

let browser;
before(async () => {
  browser = await Browser.start();
  console.log(`  ${browserVersion()}`);
});
after(() => browser?.close());

const page = (req, res) => res.setHeader('content-type', 'text/html').end('<!doctype html><title>a page</title>');
const kRefused = { refused: 'TypeError' };

// A gateway at http://api.example.test, pages at http://HOST.test of one more port. `cors` may need the pages' port.
async function setting({ service, gateway }, cors, { handler = echo, routes = [], listen, more = {} } = {}) {
  const pages = await service(page);
  const api = await service(handler);
  const g = await gateway({
    ...(listen && { listen }),
    services: { api: { url: api.url, ...(cors && { cors: cors(pages.port) }), ...more } },
    routes: [...routes.map((r) => r(pages.port)), { path: '/api/*', to: 'api' }],
  });
  const profile = await browser.profile();
  return {
    g, api, pages,
    url: (path) => `http://api.example.test:${g.port}${path}`,
    from: (host) => openPage(profile, host, pages.port),
    options: () => g.log().filter((r) => r.method === 'OPTIONS'),
    close: () => profile.close(),
  };
}

const shop = (port) => `http://shop.example.test:${port}`;

function corsTest(name, cors, options, body) {
  gatewayTest(name, async (context) => {
    const s = await setting(context, cors, options);
    try {
      await body(s, context);
    } finally {
      await s.close();
    }
  });
}

corsTest('a simple request: its answer is for the pages of listed origins', (port) => shop(port), {}, async ({ from, url, api, options }) => {
  const answer = await fetchIn(await from('shop.example.test'), url('/api/simple'));
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.text).url, '/api/simple');
  assert.deepEqual(await fetchIn(await from('evil.test'), url('/api/evil')), kRefused);
  assert.equal(api.requests, 2, 'CORS keeps answers from pages, not requests from services');
  assert.equal(options().length, 0);
});

corsTest('a wildcard is for all below it, and not for the domain itself', (port) => `http://*.example.test:${port}`, {}, async ({ from, url }) => {
  assert.equal((await fetchIn(await from('a.b.example.test'), url('/api/x'))).status, 200);
  assert.deepEqual(await fetchIn(await from('example.test'), url('/api/x')), kRefused);
  assert.deepEqual(await fetchIn(await from('evilexample.test'), url('/api/x')), kRefused);
});

corsTest('a preflighted request: the service sees no preflight, and the browser keeps the answer', (port) => shop(port), {}, async ({ from, url, api, options, g }) => {
  const shopPage = await from('shop.example.test');
  const put = { method: 'PUT', headers: { 'content-type': 'application/json', authorization: 'Bearer x', 'X-Custom': '1' }, body: '{}' };
  const answer = await fetchIn(shopPage, url('/api/item'), put);
  assert.equal(answer.status, 200);
  const seen = JSON.parse(answer.text);
  assert.equal(seen.method, 'PUT');
  assert.equal(seen.headers['x-custom'], '1');
  assert.equal((await fetchIn(shopPage, url('/api/item'), put)).status, 200);
  assert.equal((await fetchIn(shopPage, url('/api/item'), { method: 'DELETE' })).status, 200);
  assert.equal(api.requests, 3);
  const preflight = await g.logged('a preflight', (r) => r.method === 'OPTIONS');
  assert.equal(preflight.status, 204);
  assert.equal(preflight.service, '');
  assert.ok(options().length >= 1 && options().length < 3, 'the answer to the first is good for the second');
});

corsTest('a preflight from another origin is refused, and nothing reaches the service', (port) => shop(port), {}, async ({ from, url, api, g }) => {
  assert.deepEqual(await fetchIn(await from('evil.test'), url('/api/item'), { method: 'DELETE' }), kRefused);
  assert.equal(api.requests, 0);
  const record = await g.logged('the refusal', (r) => r.method === 'OPTIONS');
  assert.equal(record.status, 403);
  assert.equal(record.reason, 'origin_denied');
});

corsTest('methods and headers that are not listed are refused by the browser', (port) => ({ origins: shop(port), methods: ['GET', 'PUT'], headers: ['x-good'] }), {}, async ({ from, url, api }) => {
  const shopPage = await from('shop.example.test');
  assert.equal((await fetchIn(shopPage, url('/api/x'), { method: 'PUT', headers: { 'x-good': '1' } })).status, 200);
  assert.deepEqual(await fetchIn(shopPage, url('/api/x'), { method: 'DELETE' }), kRefused);
  assert.deepEqual(await fetchIn(shopPage, url('/api/x'), { headers: { 'x-bad': '1' } }), kRefused);
  assert.equal(api.requests, 1);
});

function cookies(req, res) {
  if (req.url === '/api/login') res.setHeader('set-cookie', 'session=secret; Path=/');
  return echo(req, res);
}
corsTest('credentials are sent along where they are allowed, and else not asked for', (port) => ({ origins: shop(port), credentials: true }), { handler: cookies, routes: [() => ({ path: '/api/open/*', to: 'api', cors: '*' })] }, async ({ from, url }) => {
  const shopPage = await from('shop.example.test');
  assert.equal((await fetchIn(shopPage, url('/api/login'), { credentials: 'include' })).status, 200);
  const mine = await fetchIn(shopPage, url('/api/mine'), { credentials: 'include', method: 'PUT' });
  assert.equal(JSON.parse(mine.text).headers.cookie, 'session=secret');
  const anonymous = await fetchIn(shopPage, url('/api/mine'), { credentials: 'omit' });
  assert.equal(JSON.parse(anonymous.text).headers.cookie, undefined);
  // `*` says nothing to a request with credentials.
  assert.deepEqual(await fetchIn(shopPage, url('/api/open/x'), { credentials: 'include' }), kRefused);
  assert.equal((await fetchIn(shopPage, url('/api/open/x'))).status, 200);
});

function verbose(req, res) {
  res.setHeader('x-total', '7').setHeader('x-hidden', '8').setHeader('access-control-expose-headers', '*');
  res.setHeader('access-control-allow-origin', 'http://other.test').setHeader('access-control-allow-origin', '*');
  return res.end('verbose');
}
corsTest('exposed headers can be read; what the service says of CORS is replaced', (port) => ({ origins: shop(port), expose: ['X-Total'] }), { handler: verbose }, async ({ from, url }) => {
  const answer = await fetchIn(await from('shop.example.test'), url('/api/x'), {}, ['x-total', 'x-hidden']);
  assert.deepEqual(answer.headers, { 'x-total': '7', 'x-hidden': null });
  assert.deepEqual(await fetchIn(await from('evil.test'), url('/api/x')), kRefused);
});

corsTest('every origin: also with a token that the page holds itself', () => '*', {}, async ({ from, url }) => {
  const answer = await fetchIn(await from('anybody.test'), url('/api/x'), { headers: { authorization: 'Bearer mine' } });
  assert.equal(JSON.parse(answer.text).headers.authorization, 'Bearer mine');
});

corsTest('what the gateway says itself can be read: 503, 413, 400, and a redirect is followed', (port) => shop(port), {
  listen: { public: { max_body: '1KB' } },
  routes: [(port) => ({ path: '/old/*', redirect: '/api/*', cors: shop(port) }), (port) => ({ path: '/gone/*', reply: { status: 410, body: 'gone' }, cors: shop(port) })],
  more: { retry: 'off' },
}, async ({ from, url, api }) => {
  const shopPage = await from('shop.example.test');
  const moved = await fetchIn(shopPage, url('/old/x'));
  assert.equal(moved.redirected, true);
  assert.equal(JSON.parse(moved.text).url, '/api/x');
  assert.deepEqual(await fetchIn(shopPage, url('/gone/x')).then((a) => [a.status, a.text]), [410, 'gone']);
  assertProblem(await fetchIn(shopPage, url('/api/a%2Fb'), {}, ['content-type']).then(withGet), 400, 'bad_path');
  const large = { method: 'POST', headers: { 'content-type': 'application/json' }, body: 'x'.repeat(2000) };
  assertProblem(await fetchIn(shopPage, url('/api/x'), large, ['content-type']).then(withGet), 413, 'body_too_large');
  await api.close();
  assertProblem(await fetchIn(shopPage, url('/api/x'), { method: 'PUT' }, ['content-type']).then(withGet), 503, 'connect_refused');
  // Where no route is, nobody can say whose pages may read that.
  assert.deepEqual(await fetchIn(shopPage, url('/nowhere')), kRefused);
});
const withGet = (answer) => ({ ...answer, get: (name) => answer.headers[name] });

corsTest('the route of the request answers its preflight', undefined, {
  routes: [
    (port) => ({ path: '/api/*', method: ['PUT', 'GET'], to: 'api', cors: shop(port) }),
    (port) => ({ path: '/beta/*', when: { 'header.x-beta': '1' }, to: 'api', cors: shop(port) }),
  ],
}, async ({ from, url, api }) => {
  const shopPage = await from('shop.example.test');
  assert.equal((await fetchIn(shopPage, url('/api/x'), { method: 'PUT' })).status, 200);
  assert.equal(api.requests, 1);
  assert.equal((await fetchIn(shopPage, url('/beta/x'), { headers: { 'x-beta': '1' } })).status, 200);
  assert.equal(api.requests, 2);
  // DELETE has no cors: its preflight is a request like any other, and the service does not allow it.
  assert.deepEqual(await fetchIn(shopPage, url('/api/x'), { method: 'DELETE' }), kRefused);
  assert.equal(api.requests, 3);
});

// ---- without a browser ----

const preflight = (origin, more = {}) => ({ method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT', ...more } });
const kShop = 'https://shop.example.com';

gatewayTest('the heads of preflights and answers', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway({ services: { api: { url: api.url, cors: { origins: [kShop, 'https://*.example.org'], credentials: true, private_network: true, max_age: '1h' } } } });
  const answer = await request(g, '/api/x', preflight(kShop, { 'access-control-request-headers': 'x-a,x-b', 'access-control-request-private-network': 'true' }));
  assert.equal(answer.status, 204);
  assert.equal(answer.text, '');
  const { date, connection, 'keep-alive': keepAlive, ...said } = answer.headers;
  assert.deepEqual(said, {
    'access-control-allow-origin': kShop,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': 'x-a,x-b',
    'access-control-max-age': '3600',
    'access-control-allow-private-network': 'true',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
  });
  assert.equal(api.requests, 0);
  const refused = await request(g, '/api/x', preflight('https://evil.example'));
  assertProblem(refused, 403, 'origin_denied');
  assert.equal(refused.headers['access-control-allow-origin'], undefined);
  const nobody = await request(g, '/api/x');
  assert.equal(nobody.headers.vary, 'Origin');
  assert.equal(nobody.headers['access-control-allow-origin'], undefined);
  assert.equal(api.requests, 1);
});

gatewayTest('without cors, and without a preflight, OPTIONS is a request like any other', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url, open: { url: api.url, cors: kShop } } });
  assert.equal((await request(g, '/api/x', preflight(kShop))).json().method, 'OPTIONS');
  assert.equal((await request(g, '/open/x', { method: 'OPTIONS' })).json().method, 'OPTIONS');
  assert.equal((await request(g, '/open/x', preflight(kShop))).status, 204);
});

gatewayTest('who may not come in gets no preflight answered, and a hidden service stays hidden', async ({ service, gateway, request }) => {
  const api = await service();
  const g = await gateway({
    listen: { internal: { port: 0, bind: '127.0.0.1' } },
    services: {
      denied: { url: api.url, deny: '127.0.0.0/8', cors: kShop },
      hidden: { url: api.url, only: 'internal', cors: kShop },
    },
  });
  const denied = await request(g, '/denied/x', preflight(kShop));
  assertProblem(denied, 403, 'denied');
  const readable = await request(g, '/denied/x', { headers: { origin: kShop } });
  assertProblem(readable, 403, 'denied');
  assert.equal(readable.headers['access-control-allow-origin'], kShop);
  const nowhere = await request(g, '/nowhere/x', { headers: { origin: kShop } });
  for (const options of [preflight(kShop), { headers: { origin: kShop } }]) {
    const hidden = await request(g, '/hidden/x', options);
    assertProblem(hidden, 404, 'no_route');
    assert.deepEqual(Object.keys(hidden.headers).sort(), Object.keys(nowhere.headers).sort());
  }
});
