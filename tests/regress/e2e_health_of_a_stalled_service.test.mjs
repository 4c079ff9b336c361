// A service that stalled behind the head of its answers, or broke off there, passed its health checks: only the time
// to the head was limited, and a body that failed counted as read.
import { assert, gatewayTest } from '../e2e/lib/test.mjs';
import { until } from '../e2e/lib/wait.mjs';

for (const [what, answer] of [
  ['stalls behind the head', (res) => { res.writeHead(200, { 'content-length': 10 }); res.write('half'); }],
  ['breaks off behind the head', (res) => { res.writeHead(200, { 'content-length': 10 }); res.write('half', () => res.destroy()); }],
]) {
  gatewayTest(`a service that ${what} is found unhealthy, and healthy again`, async ({ service, gateway }) => {
    let sick = false;
    const api = await service((req, res) => (sick ? answer(res) : res.end('good')));
    const g = await gateway({ services: { api: { url: api.url, health: { path: '/health', every: '200ms', fall: 2, rise: 2 } } } });
    const health = async () => (await g.admin('/services')).json().services[0].versions[0].endpoints[0].health;
    await until('a good check', async () => api.requests > 0);
    assert.equal(await health(), 'up');
    sick = true;
    await until('it to be down', async () => (await health()) === 'down');
    sick = false;
    await until('it to be up', async () => (await health()) === 'up');
  });
}
