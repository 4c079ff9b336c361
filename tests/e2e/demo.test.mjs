// `gatehouse demo`, in a namespace of its own: its port 8080 is free there.
import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import test from 'node:test';
import { kBinary, temporaryFolder } from './lib/gatehouse.mjs';
import { inNamespace } from './lib/namespace.mjs';
import { assert } from './lib/test.mjs';
import { until, within } from './lib/wait.mjs';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

// `command` with what it prints, and its end.
function start(command, args, env = {}) {
  const child = spawn(command, args, { stdio: 'pipe', env: { PATH: process.env.PATH, TERM: 'xterm', ...env } });
  running.add(child);
  const self = { child, out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (s) => { self.out += s; });
  child.stderr.setEncoding('utf8').on('data', (s) => { self.err += s; });
  self.exited = once(child, 'close').then(([code]) => {
    running.delete(child);
    self.code = code;
    return code;
  });
  return self;
}

async function ended(self) {
  self.child.stdin.end();
  await within('the program to end', self.exited);
  return self;
}

if (inNamespace(import.meta.url, 'gatehouse demo')) {
  test('demo without a terminal makes its requests itself and exits 0', async () => {
    const demo = await ended(start(kBinary, ['demo']));
    assert.equal(demo.code, 0, demo.out + demo.err);
    assert.equal(demo.out.match(/^\$ curl /gm).length, 10);
    assert.deepEqual(demo.out.match(/^HTTP \d+/gm), ['HTTP 200', 'HTTP 200', 'HTTP 200', 'HTTP 200', 'HTTP 404', 'HTTP 401', 'HTTP 200', 'HTTP 200', 'HTTP 200', 'HTTP 429']);
    assert.match(demo.out, /HTTP 429\nretry-after: \d+\nratelimit-policy: .*"routes\.\/scarce.*";q=2;w=60.*\nratelimit: ".*";r=0;t=\d+\n/);
  });

  test('demo where the port is taken: one clear line, exit 1', async () => {
    const other = net.createServer().listen(8080, '127.0.0.1');
    await once(other, 'listening');
    const demo = await ended(start(kBinary, ['demo']));
    other.close();
    assert.equal(demo.code, 1);
    assert.match(demo.err, /^[^\n]*127\.0\.0\.1:8080[^\n]*\n$/);
  });

  test('demo on a terminal stays up, prints lines that work, and ends with Ctrl-C', async () => {
    const folder = temporaryFolder();
    // script(1) gives it a terminal of its own, and ends with its exit status.
    const demo = start('script', ['--quiet', '--return', '--command', `exec ${kBinary} demo`, '/dev/null'], { TMPDIR: folder });
    await until(() => `the demo to be up: ${demo.out}${demo.err}`, () => demo.out.includes('Ctrl-C ends it.'));
    const lines = demo.out.split(/\r?\n/);
    const curls = lines.map((line) => /^ {2}(curl .*)$/.exec(line)?.[1]).filter(Boolean);
    assert.equal(curls.length, 10, demo.out);
    for (const line of curls) assert.match(line, /'http:\/\/127\.0\.0\.1:8080\//);
    const admin = lines.map((line) => /^The admin API: +(curl 'http:.*)$/.exec(line)?.[1]).find(Boolean);
    const answers = [];
    for (const line of [...curls, admin]) {
      const answer = await ended(start('sh', ['-c', line]));
      assert.equal(answer.code, 0, `${line}: ${answer.err}`);
      answers.push(answer.out);
    }
    for (const [i, what] of [/world/, /some text/, /gatehouse/, /x-beta/i, /^HTTP\/1\.1 404 /, /^HTTP\/1\.1 401 /, /"x-user":"ada"/i, /one of two/, /one of two/, /^HTTP\/1\.1 429 .*\r\n(.*\r\n)*retry-after: /i,
      /^gatehouse_requests_total\{.*\} \d/m].entries()) {
      assert.match(answers[i], what);
    }
    // The file that it names takes effect when it is saved.
    const file = lines.map((line) => /when you save it: (.*)$/.exec(line)?.[1]).find(Boolean);
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('routes:', 'routes:\n  - {path: /new, reply: {body: "saved"}, auth: off}'));
    await until('the new route', async () => (await ended(start('curl', ['-s', 'http://127.0.0.1:8080/new']))).out === 'saved');
    await until(() => `the requests in the log: ${demo.out}`, () => demo.out.includes('"path":"/new"'));

    assert.equal(demo.code, undefined, 'it stays up');
    demo.child.stdin.write('\x03');
    assert.equal(await within('the demo to end', demo.exited), 0, demo.out);
    assert.deepEqual(fs.readdirSync(folder), [], 'its folder is gone');
    fs.rmdirSync(folder);
  });
}
