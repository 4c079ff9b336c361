// A service that is killed and restarted under load: no wrong answer, no leak. GATEHOUSE_FULL=1: 100 times.
import { Load } from './lib/load.mjs';
import { assert, gatewayTest, kFull } from './lib/test.mjs';
import { httpService } from './lib/service.mjs';
import { sleep, until } from './lib/wait.mjs';

const kTimes = kFull ? 100 : 15;
const kSeconds = 20;

gatewayTest('a service killed and restarted under load: every answer is whole and right, or an honest failure', async ({ gateway, request }) => {
  // The answer tells which request it is to, and is long enough to be cut in the middle.
  const answer = (url) => `${url} `.repeat(4000);
  const handler = async (req, res) => {
    for await (const _ of req);
    res.setHeader('content-length', answer(req.url).length);
    res.write(answer(req.url).slice(0, 1000));
    await sleep(2);
    res.end(answer(req.url).slice(1000));
  };
  let api = await httpService(handler);
  const { port } = api;
  const g = await gateway({ workers: 2, services: { api: { url: api.url, retry: { tries: 3 } } } });
  const failures = {};
  const load = new Load(g.port, {
    parallel: 8, pause: 2, check: (a, id) => {
      if (a.status === 200) return a.text === answer(`/api/${id}`) ? '' : `a wrong answer of ${a.text.length} bytes`;
      const { reason } = JSON.parse(a.text);
      failures[reason] = (failures[reason] ?? 0) + 1;
      const honest = { connect_refused: 503, upstream_reset: 502, upstream_closed: 502, saturated: 503 };
      return honest[reason] === a.status ? '' : `${a.status} ${a.text}`;
    },
  });
  const begun = Date.now();
  let memory = 0;
  let times = 0;
  while (times < kTimes || Date.now() - begun < kSeconds * 1000) {
    times += 1;
    await api.close();
    await sleep(times % 3 === 0 ? 200 : 20);
    api = await httpService(handler, { port, host: '127.0.0.1' });
    // Back at once: an answer of the new one.
    await until('the service to be used again', async () => (await request(g, '/api/back')).status === 200, { every: 5 });
    await sleep(Math.max(100, (kSeconds * 1000) / kTimes - 300));
    if (times === 5) memory = g.residentBytes();
  }
  await load.stop();
  // An answer that broke off in the middle is the other honest failure: undici then says that its end is missing.
  const wrong = load.wrong.filter((w) => !/terminated|other side closed|ECONNRESET|UND_ERR_RES_CONTENT_LENGTH|does not match/i.test(w));
  assert.deepEqual(wrong, []);
  const grown = g.residentBytes() - memory;
  assert.ok(grown < 2e6, `the process grew by ${grown} bytes in ${times - 5} restarts`);
  await api.close();
  console.log(`  ${times} restarts, ${load.served} answers, ${load.failed} broken off, failures ${JSON.stringify(failures)}`);
}, { timeout: 600_000 });
