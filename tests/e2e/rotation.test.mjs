// The rude rotation: every 5 s a key is replaced, the old one is gone from the set at once, and tokens of the previous
// and of the new key come at full load. None may be refused: no 401, 403, 429 or 503.
import fs from 'node:fs';
import path from 'node:path';
import { haveKeys } from './lib/identity.mjs';
import { Issuer, tokensOfUnknownKeys } from './lib/issuer.mjs';
import { assert, gatewayTest, kFull } from './lib/test.mjs';
import { sleep } from './lib/wait.mjs';

const kSeconds = kFull ? 180 : 15;
const kEvery = 5000;
const kUsers = 20;

function rudeRotation(name, { prepare = () => {}, flood = false, least = 1000 } = {}) {
  gatewayTest(`the rude rotation, ${name}: no valid token is refused`, async (t) => {
    const id = await Issuer.start();
    t.later.push(id.close);
    const g = await t.gateway({
      workers: 2,
      auth: { issuer: id.url, audience: 'api' },
      routes: [{ path: '/*', reply: { body: 'ok' } }],
      log: { to: '/dev/null' },
    });
    await haveKeys(g);
    prepare(id);

    const file = path.join(g.folder, 'tokens');
    const by = async (word, key) => (await Promise.all(Array.from({ length: kUsers }, (_, i) => id.token({ sub: `user-${i}` }, { key })))).map((x) => `${word} ${x}\n`).join('');
    const write = async (previous, newest) => {
      fs.writeFileSync(`${file}.new`, await by('previous', previous) + await by('newest', newest));
      fs.renameSync(`${file}.new`, file);
    };
    let previous = id.key;
    await write(previous, previous);
    const load = t.run('wrk', ['-t2', '-c32', `-d${kSeconds}s`, '--timeout', '20s', '-s', path.join(import.meta.dirname, 'wrk_tokens.lua'),
      `http://127.0.0.1:${g.port}/load`, '--', file]);
    let over = false;
    load.then(() => { over = true; });
    const bad = flood ? floodOfKids(t, g, id, () => over) : undefined;
    let rotations = 0;
    for (let next = performance.now() + 1000; !over; next += kEvery) {
      while (!over && performance.now() < next) await sleep(20);
      if (over) break;
      const key = await id.replace();
      await write(previous, key);
      previous = key;
      rotations += 1;
    }
    const { code, stdout, stderr } = await load;
    await bad;
    assert.equal(code, 0, stderr);
    const answers = Object.fromEntries([...stdout.matchAll(/^(previous|newest) (\d+): (\d+)$/gm)].map(([, kind, status, n]) => [`${kind} ${status}`, Number(n)]));
    console.log(`${name}: ${JSON.stringify(answers)}, ${rotations} rotations, ${id.fetchesOf('keys').length} fetches`);
    assert.deepEqual(Object.keys(answers).sort(), ['newest 200', 'previous 200'], stdout);
    assert.doesNotMatch(stdout, /Socket errors|Non-2xx/, stdout);
    assert.ok(rotations >= Math.floor(kSeconds / 5) - 1, `${rotations} rotations`);
    assert.ok(answers['previous 200'] + answers['newest 200'] >= least, stdout);
  }, { timeout: (kSeconds + 120) * 1000 });
}

// From another address than the valid clients'.
async function floodOfKids(t, g, id, over) {
  const token = tokensOfUnknownKeys(id);
  const dispatcher = t.agent({ connections: 300, localAddress: '127.0.0.9', headersTimeout: 60_000 });
  const statuses = {};
  await Promise.all(Array.from({ length: 300 }, async () => {
    while (!over()) {
      const { status } = await t.request(g, '/load', { headers: { authorization: `Bearer ${token()}` }, dispatcher });
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status !== 401) await sleep(100);
    }
  }));
  console.log(`the flood: ${JSON.stringify(statuses)}`);
  assert.ok(!statuses[200] && statuses[401] > 0, JSON.stringify(statuses));
}

rudeRotation('at full load', { least: kFull ? 1_000_000 : 1000 });
rudeRotation('with a provider that takes a second', { prepare: (id) => { id.delay = 1000; } });
rudeRotation('with a provider that fails every second time', { prepare: (id) => { id.failEvery = 2; } });
rudeRotation('under a flood of random kids', { flood: true });
