// Thousands of clients that never end their requests: those that behave are served as if the others were not there.
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { Load } from './lib/load.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { sleep, until } from './lib/wait.mjs';

const kWanted = 5000;

gatewayTest(`${kWanted} slow-loris clients: normal ones are unharmed`, async ({ service, gateway }) => {
  const allowed = Number(execFileSync('bash', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()) || kWanted + 500;
  const n = Math.min(kWanted, allowed - 300);
  if (n < kWanted) console.log(`  the limit of descriptors allows ${n} of ${kWanted} clients`);
  const api = await service((req, res) => res.end(`answer to ${req.url}`));
  const g = await gateway({ workers: 2, listen: { public: { timeouts: { head: '8s' } } }, services: { api: api.url } });
  const before = g.residentBytes();
  const crowd = new Set();
  let closed = 0;
  const open = () => new Promise((resolve) => {
    const socket = net.connect(g.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('connect', () => {
      socket.write('GET /api/slow HTTP/1.1\r\nHost: a\r\nX-A: ');
      crowd.add(socket);
      resolve();
    });
    socket.on('data', () => {});
    socket.on('close', () => {
      if (crowd.delete(socket)) closed += 1;
      resolve();
    });
  });
  while (crowd.size + closed < n) await Promise.all(Array.from({ length: 100 }, open));
  const connections = await g.metric('gatehouse_connections');
  assert.ok(connections + closed >= n, `${connections} connections are open`);
  const each = (g.residentBytes() - before) / n;
  // A byte from each, now and then.
  const drip = setInterval(() => { for (const socket of crowd) if (Math.random() < 0.2) socket.write('x'); }, 500);
  const times = [];
  const load = new Load(g.port, { parallel: 4, pause: 10, check: (a, id) => (a.text === `answer to /api/${id}` ? '' : `${a.status} ${a.text}`) });
  const begun = Date.now();
  while (Date.now() - begun < 5000) {
    const start = performance.now();
    const seen = load.served;
    await until('an answer', () => load.served > seen, { every: 1 });
    times.push(performance.now() - start);
    await sleep(20);
  }
  clearInterval(drip);
  await load.stop();
  assert.deepEqual(load.wrong, []);
  assert.ok(load.served > 100, `${load.served} were served`);
  times.sort((a, b) => a - b);
  assert.ok(times[Math.floor(times.length * 0.95)] < 500, `95 % within ${times[Math.floor(times.length * 0.95)]} ms`);
  // Their time for a head ends, whatever they drip.
  await until(() => `the crowd to be closed: ${crowd.size} are left`, () => crowd.size === 0, { within: 30_000, every: 100 });
  assert.ok(each < 16_384, `${each} bytes each`);
  console.log(`  ${n} clients, ${Math.round(each)} bytes each; meanwhile ${load.served} requests, half within ${times[times.length >> 1].toFixed(1)} ms`);
});
