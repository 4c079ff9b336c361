// A reader of stderr that had stopped reading held control up at its next line: no reload, and no end at SIGTERM.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { assert, gatewayTest } from '../e2e/lib/test.mjs';
import { temporaryFolder } from '../e2e/lib/gatehouse.mjs';
import { until } from '../e2e/lib/wait.mjs';

gatewayTest('a stderr that nobody reads holds nothing up: reloads go on, SIGTERM ends it', async ({ gateway, request }) => {
  const folder = temporaryFolder();
  const fifo = path.join(folder, 'stderr');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const filler = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  const stderr = fs.openSync(fifo, fs.constants.O_WRONLY);  // a description of its own, which blocks
  assert.throws(() => { for (;;) fs.writeSync(filler, 'x'.repeat(4096)); }, { code: 'EAGAIN' });
  const config = (n) => ({ routes: [{ path: '/version', reply: { body: `version ${n}` } }] });
  const g = await gateway(config(1), { stderr });
  g.write(g.complete(config(2)));
  g.signal('SIGHUP');
  await until('the reload', async () => (await request(g, '/version')).text === 'version 2');
  assert.ok(await g.metric('gatehouse_diagnostic_lines_lost_total') > 0);
  assert.deepEqual(await g.stop(), { code: 0, signal: null });
  fs.closeSync(stderr);
  fs.closeSync(filler);
  fs.rmSync(folder, { recursive: true });
});
