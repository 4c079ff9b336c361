// `max_connections: auto`, the default, was no limit at all: clients could take every descriptor, and nothing was left
// for services, files and the admin API.
import { assert, gatewayTest } from '../e2e/lib/test.mjs';
import { until } from '../e2e/lib/wait.mjs';

const kDescriptors = 200;
const kMost = kDescriptors - 64;

gatewayTest('by default a listener leaves descriptors free for services and the admin API', async ({ service, gateway, client }) => {
  const api = await service((req, res) => res.end('answer'));
  const g = await gateway({ services: { api: api.url } }, { descriptors: kDescriptors });
  const get = async (c) => {
    c.send('GET /api HTTP/1.1\r\nHost: a\r\n\r\n');
    return (await c.answer()).text;
  };
  const first = await client(g);
  assert.equal(await get(first), 'answer');
  first.send('GET /api HTTP/1.1\r\n');  // in the middle of a head, and so is the crowd: not idle
  const crowd = [];
  for (let i = 0; i < kDescriptors; i += 1) {
    const c = await client(g);
    c.send('GET /api HTTP/1.1\r\n');
    crowd.push(c);
  }
  await until('the rest to be turned away', async () => (await g.metric('gatehouse_connections_rejected_total')) === kDescriptors + 1 - kMost);
  assert.equal(await g.metric('gatehouse_connections'), kMost);
  assert.equal(await g.metric('gatehouse_accept_failures_total'), 0);
  first.send('Host: a\r\n\r\n');
  assert.equal((await first.answer()).text, 'answer');
  crowd.forEach((c) => c.close());
  await until('room again', async () => (await g.metric('gatehouse_connections')) <= 1);

  // Idle connections fill it, and make room.
  let turnedAway = 0;
  for (let i = 0; i < 2 * kDescriptors; i += 1) {
    const c = await client(g);
    const text = await get(c).catch(() => undefined);
    if (text === undefined) turnedAway += 1;
    else assert.equal(text, 'answer');
  }
  assert.ok(turnedAway > 0 && turnedAway < kDescriptors / 4, `${turnedAway}`);
});
