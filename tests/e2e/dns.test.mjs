// Services by name, with a real name server that changes its answers, stops, and does not know a name. All of it in a
// namespace of its own: the gateway asks whom /etc/resolv.conf names, on port 53.
import { DnsServer } from './lib/dns_server.mjs';
import { Load } from './lib/load.mjs';
import { inNamespace, useResolvConf } from './lib/namespace.mjs';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

const kPort = 8000;  // of every service here: a URL has one port, and nobody else is in this namespace
const at = (host) => ({ port: kPort, host });
const name = (text) => (req, res) => res.end(text);

// The test, and the name server's end after it.
function dnsTest(what, body) {
  gatewayTest(what, async (context) => {
    const servers = [];
    const dns = async (records) => {
      servers.push(await DnsServer.start(records));
      return servers.at(-1);
    };
    try {
      await body({ ...context, dns });
    } finally {
      for (const server of servers) await server.end();
    }
  });
}

const endpoints = async (g, service = 'api') => (await g.admin('/services')).json().services.find((s) => s.name === service)
  .versions[0].endpoints.map((e) => e.endpoint).sort();
const api = (host = 'api.gatehouse.test') => ({ services: { api: `http://${host}:${kPort}` } });

if (inNamespace(import.meta.url, 'services by name')) {
  // The search list is the zone's, so that a name that does not exist does not exist there either.
  useResolvConf('nameserver 127.0.0.1\nsearch gatehouse.test\n');

  dnsTest('a record changes: after its TTL requests go to the new address, and none fails', async ({ service, gateway, dns }) => {
    const old = await service(name('old'), at('127.0.0.2'));
    const fresh = await service(name('fresh'), at('127.0.0.3'));
    const server = await dns(['api 1 A 127.0.0.2']);
    const g = await gateway(api());
    assert.deepEqual(await endpoints(g), [`127.0.0.2:${kPort}`]);
    const seen = [];
    const load = new Load(g.port, {
      parallel: 4,
      check: (a) => {
        seen.push(a.text);
        return a.status === 200 && ['old', 'fresh'].includes(a.text) ? '' : `${a.status} ${a.text}`;
      },
    });
    await until('answers', () => load.served > 50);
    assert.equal(fresh.requests, 0);
    server.change(['api 1 A 127.0.0.3']);
    const changed = Date.now();
    await until('the new address', () => fresh.requests > 50);
    assert.ok(Date.now() - changed < 10_000, `${Date.now() - changed} ms after the change`);
    await load.stop();
    assert.deepEqual(load.wrong, []);
    assert.deepEqual(await endpoints(g), [`127.0.0.3:${kPort}`]);
    // What was under way at the turn was finished at the old address; from then on it saw nothing.
    const after = seen.slice(seen.indexOf('fresh') + 8);
    assert.ok(after.length > 0 && after.every((text) => text === 'fresh'), after.join(' '));
    assert.equal(old.requests + fresh.requests, load.served, 'no request was made twice');
  });

  for (const [how, stop, reason] of [
    ['does not answer', (server) => server.pause(), /did not answer in time/],
    ['is gone', (server) => server.kill(), /failed or cannot be reached/],
  ]) {
    dnsTest(`the name server ${how}: the last addresses stay in use, until it answers again`, async ({ service, gateway, request, dns }) => {
      await service(name('old'), at('127.0.0.2'));
      await service(name('fresh'), at('127.0.0.3'));
      const server = await dns(['api 1 A 127.0.0.2']);
      const g = await gateway(api());
      const load = new Load(g.port, { parallel: 2, check: (a) => (a.status === 200 ? '' : `${a.status} ${a.text}`) });
      await stop(server);
      await until(() => `a word of the failed look-up: ${g.stderr}`, () => reason.test(g.stderr));
      assert.match(g.stderr, /api\.gatehouse\.test does not resolve/);
      for (let i = 0; i < 20; i += 1) assert.equal((await request(g, '/api')).text, 'old');
      assert.deepEqual(await endpoints(g), [`127.0.0.2:${kPort}`]);
      assert.equal((await g.admin('/readyz')).status, 200);

      await server.kill();
      await dns(['api 1 A 127.0.0.3']);
      await until('the new address', async () => (await request(g, '/api')).text === 'fresh');
      await load.stop();
      assert.deepEqual(load.wrong, []);
      await until(() => `a word of it: ${g.stderr}`, () => /api\.gatehouse\.test resolves again/.test(g.stderr));
    });
  }

  dnsTest('a name that never resolved: 503 with the reason, in answer, log and admin API; then it appears', async ({ service, gateway, request, dns }) => {
    await service(name('well'), at('127.0.0.2'));
    const server = await dns(['api 1 A 127.0.0.2']);
    const g = await gateway({ services: { api: api().services.api, late: `http://late.gatehouse.test:${kPort}` } });
    assert.equal((await request(g, '/api')).text, 'well', 'the others are served');
    const problem = assertProblem(await request(g, '/late'), 503, 'name_not_resolved');
    assert.equal(problem.detail, 'no such name');
    const record = await g.logged('the request', (r) => r.request_id === problem.request_id);
    assert.deepEqual([record.status, record.reason, record.service, record.endpoint], [503, 'name_not_resolved', 'late', '']);
    assert.match(g.stderr, /late\.gatehouse\.test does not resolve: no such name/);
    const shown = (await g.admin('/services')).json().services.find((s) => s.name === 'late').versions[0];
    assert.deepEqual([shown.state, shown.reason], ['failed', 'no such name']);
    assert.equal((await g.admin('/readyz')).status, 200);

    server.change(['api 1 A 127.0.0.2', 'late 1 A 127.0.0.2']);
    await until('the name to be served', async () => (await request(g, '/late')).status === 200);
  });

  dnsTest('ready within 2 s of the start, though the name server does not answer', async ({ service, gateway, request, dns }) => {
    const plain = await service(name('plain'));
    const server = await dns(['api 1 A 127.0.0.2']);
    server.pause();
    const started = Date.now();
    const g = await gateway({ services: { api: api().services.api, plain: plain.url } });
    const took = Date.now() - started;
    // A look-up gives up only after 6 s.
    assert.ok(took < 5500, `${took} ms`);
    assert.equal((await request(g, '/plain')).text, 'plain');
    assertProblem(await request(g, '/api'), 503, 'name_not_resolved');
  });

  dnsTest('every address of a name is an endpoint: A and AAAA', async ({ service, gateway, request, dns }) => {
    const all = [await service(name('2'), at('127.0.0.2')), await service(name('3'), at('127.0.0.3')), await service(name('v6'), at('::1'))];
    await dns(['api 1 A 127.0.0.2', 'api 1 A 127.0.0.3', 'api 1 AAAA ::1']);
    const g = await gateway(api());
    assert.deepEqual(await endpoints(g), [`127.0.0.2:${kPort}`, `127.0.0.3:${kPort}`, `[::1]:${kPort}`]);
    await until('each of them to be used', async () => {
      assert.equal((await request(g, '/api')).status, 200);
      return all.every((s) => s.requests > 0);
    }, { every: 0 });
  });
}
