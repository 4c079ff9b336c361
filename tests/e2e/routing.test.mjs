// Which service answers: paths and their bypasses, conditions, versions, weights, canary, rewrites, own answers.
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';

const named = (name) => (req, res) => res.end(`${name} ${req.method} ${req.url}`);

gatewayTest('/orders/admin;x and /orders/admin/ are /orders/admin', async ({ service, gateway, client }) => {
  const wide = await service(named('wide'));
  const admin = await service(named('admin'));
  const g = await gateway({
    services: { wide: { url: wide.url, path: '/orders/*' }, admin: { url: admin.url, path: 'none', deny: ['127.0.0.0/8'] } },
    routes: [{ path: '/orders/admin', to: 'admin' }, { path: '/orders/secret/*', to: 'admin' }],
  });
  const c = await client(g);
  for (const target of [
    '/orders/admin', '/orders/admin/', '/orders/admin;x', '/orders/admin;x/', '/orders/admin;', '/orders//admin', '/orders/./admin', '/orders/x/../admin',
    '/orders/%61dmin', '/orders/%2e/admin', '//orders/admin', '/orders;a=1/admin;b=2', '/orders/admin?x=1', '/orders/secret', '/orders/secret/',
    '/orders/secret;x/y', '/orders/%73ecret/y', '/orders/a/%2e%2e/secret/y', 'http://a/orders/admin',
  ]) {
    c.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assertProblem(await c.answer(), 403, 'denied');
  }
  // A service that takes parameters away before it merges slashes would see /orders/admin.
  for (const target of ['/orders/;x/admin', '/orders/%3bx/admin', '/;/orders/admin', '/orders/;x/../admin']) {
    c.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assertProblem(await c.answer(), 400, 'bad_path');
  }
  assert.equal(admin.requests, 0);
  // What merely looks like it goes to the wider one.
  for (const target of ['/orders/administrator', '/orders/admin/x', '/orders/ADMIN', '/orders/secrets', '/orders/x;admin']) {
    c.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal((await c.answer()).text, `wide GET ${target}`);
  }
  // What was matched is what is sent.
  c.send('GET /orders/a/../b//c/%7euser;v=1?q=%2F..%2f HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await c.answer()).text, 'wide GET /orders/b/c/~user;v=1?q=%2F..%2f');
});

gatewayTest('/x/* is /x and all below, never /xy; a route that names the trailing slash wins it', async ({ service, gateway, request }) => {
  const a = await service(named('a'));
  const b = await service(named('b'));
  const g = await gateway({
    services: { x: a.url, b: { url: b.url, path: 'none' } },
    routes: [{ path: '/x/*', to: 'x' }, { path: '/x/list/', to: 'b' }, { path: '/x/list', to: 'x' }],
  });
  for (const target of ['/x', '/x/', '/x/y/z', '/x/list']) assert.equal((await request(g, target)).text, `a GET ${target}`);
  assert.equal((await request(g, '/x/list/')).text, 'b GET /x/list/');
  assertProblem(await request(g, '/xy'), 404, 'no_route');
});

gatewayTest('conditions: host, header, query, cookie, method, listener', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end(`api ${req.url}`));
  const beta = await service((req, res) => res.end(`beta ${req.url}`));
  const g = await gateway({
    services: { api: api.url, beta: { url: beta.url, path: 'none' } },
    routes: [
      { path: '/api/*', when: { 'header.x-beta': 'true' }, to: 'beta', priority: 1 },
      { path: '/api/*', when: { 'query.v': '~[2-9]' }, to: 'beta', priority: 2 },
      { path: '/api/*', when: [{ 'cookie.group': 'b*' }, { 'header.x-app': '>= 5.2' }], to: 'beta', priority: 3 },
      { path: '/api/*', host: '*.beta.test', to: 'beta', priority: 4 },
      { path: '/api/*', to: 'api' },
    ],
  });
  const who = async (target, headers = {}) => (await request(g, target, { headers })).text.split(' ')[0];
  assert.equal(await who('/api/x'), 'api');
  assert.equal(await who('/api/x', { 'x-beta': 'true' }), 'beta');
  assert.equal(await who('/api/x', { 'x-beta': 'false' }), 'api');
  assert.equal(await who('/api/x?v=3'), 'beta');
  assert.equal(await who('/api/x?v=13'), 'api');
  assert.equal(await who('/api/x', { cookie: 'a=1; group=blue' }), 'beta');
  assert.equal(await who('/api/x', { cookie: 'a=1; group=red' }), 'api');
  assert.equal(await who('/api/x', { 'x-app': '5.10.0' }), 'beta');
  assert.equal(await who('/api/x', { 'x-app': '5.1.9' }), 'api');
  assert.equal(await who('/api/x', { host: 'eu.beta.test:99' }), 'beta');
  assert.equal(await who('/api/x', { host: 'beta.test' }), 'api');
});

gatewayTest('rewrite, redirect, reply', async ({ service, gateway, request }) => {
  const api = await service(named('api'));
  const g = await gateway({
    services: { api: { url: api.url, path: 'none' } },
    routes: [
      { path: '/v1/*', to: 'api', rewrite: '/inner/*' },
      { path: '/users/:id/photo', to: 'api', rewrite: '/photos/:id' },
      { path: '/old/:id', redirect: '/users/:id/photo' },
      { path: '/away/*', redirect: { to: 'https://elsewhere.test/*', status: 302 } },
      { path: '/teapot', reply: { status: 418, headers: { 'x-kind': 'tea' }, body: 'short and stout' } },
    ],
  });
  assert.equal((await request(g, '/v1/a/b?c=d')).text, 'api GET /inner/a/b?c=d');
  assert.equal((await request(g, '/users/7/photo')).text, 'api GET /photos/7');
  const old = await request(g, '/old/7');
  assert.equal(old.status, 308);
  assert.equal(old.headers.location, '/users/7/photo');
  const away = await request(g, '/away/x/y?z');
  assert.equal(away.status, 302);
  assert.match(away.headers.location, /^https:\/\/elsewhere\.test\/x\/y/);
  const tea = await request(g, '/teapot');
  assert.equal(tea.status, 418);
  assert.equal(tea.headers['x-kind'], 'tea');
  assert.equal(tea.text, 'short and stout');
});

gatewayTest('weights and a fixed canary: the split is what was written, the version is in log and metrics', async ({ service, gateway, request }) => {
  const versions = {};
  for (const name of ['a', 'b', 'v1', 'v2']) versions[name] = await service(named(name));
  const g = await gateway({
    services: {
      a: { url: versions.a.url, path: 'none' },
      b: { url: versions.b.url, path: 'none' },
      pay: { versions: { v1: versions.v1.url, v2: versions.v2.url }, canary: 'v2 20%' },
    },
    routes: [
      { path: '/split', to: { a: '90%', b: '10%' } },
      { path: '/pay/*', when: { 'header.x-beta': 'true' }, to: 'pay.v2' },
    ],
  });
  const count = async (target, headers) => {
    const seen = {};
    for (let i = 0; i < 1000; i += 1) {
      const name = (await request(g, target, { headers })).text.split(' ')[0];
      seen[name] = (seen[name] ?? 0) + 1;
    }
    return seen;
  };
  // Six standard deviations.
  const split = await count('/split');
  assert.ok(Math.abs(split.b - 100) < 57, JSON.stringify(split));
  const canary = await count('/pay/x');
  assert.ok(Math.abs(canary.v2 - 200) < 76, JSON.stringify(canary));
  assert.deepEqual(await count('/pay/x', { 'x-beta': 'true' }), { v2: 1000 });
  assert.equal(await g.metric('gatehouse_requests_total', { service: 'pay', version: 'v1', class: '2xx' }), canary.v1);
  assert.equal(await g.metric('gatehouse_requests_total', { service: 'pay', version: 'v2', class: '2xx' }), canary.v2 + 1000);
  const inLog = g.log().filter((r) => r.service === 'pay' && r.version === 'v1').length;
  assert.ok(inLog <= canary.v1 && inLog > canary.v1 - 200);
});

gatewayTest('balance: round goes through the endpoints, p2c and least use them all', async ({ service, gateway, request }) => {
  const endpoints = await Promise.all([0, 1, 2].map((i) => service((req, res) => res.end(String(i)))));
  const url = endpoints.map((e) => e.url);
  const g = await gateway({ services: Object.fromEntries(['round', 'p2c', 'least'].map((balance) => [balance, { url, balance }])) });
  for (const balance of ['round', 'p2c', 'least']) {
    const seen = { 0: 0, 1: 0, 2: 0 };
    for (let i = 0; i < 300; i += 1) seen[(await request(g, `/${balance}`)).text] += 1;
    if (balance === 'round') assert.deepEqual(seen, { 0: 100, 1: 100, 2: 100 });
    if (balance === 'p2c') for (const n of Object.values(seen)) assert.ok(n > 50, `${balance}: ${JSON.stringify(seen)}`);
  }
});

gatewayTest('encoded_slash: keep forwards %2F as it came, and never beside a dot segment', async ({ service, gateway, client }) => {
  const npm = await service(named('npm'));
  const g = await gateway({ services: { npm: { url: npm.url, encoded_slash: 'keep' } } });
  const c = await client(g);
  c.send('GET /npm/@scope%2fname HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await c.answer()).text, 'npm GET /npm/@scope%2fname');
  for (const target of ['/npm/..%2fx', '/npm/%2e%2e%2Fx', '/npm/a%2F..']) {
    c.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await c.answer();
    assertProblem(answer, 400, 'bad_path');
    if (answer.get('connection') === 'close') break;
  }
  assert.equal(npm.requests, 1);
});
