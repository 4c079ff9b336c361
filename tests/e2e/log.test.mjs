// The access log: every request once, rotation, a full disk, hostile bytes; it never holds a request up.
import fs from 'node:fs';
import path from 'node:path';
import { Load } from './lib/load.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { sleep, until } from './lib/wait.mjs';

const kFields = ['time', 'method', 'host', 'path', 'protocol', 'route', 'service', 'endpoint', 'version', 'status', 'reason', 'total', 'own',
  'first_byte', 'upstream', 'bytes_in', 'bytes_out', 'tries', 'request_id', 'trace_id', 'client', 'user'];

gatewayTest('a record has its fields, and says what happened', async ({ service, gateway, request }) => {
  const api = await service(async (req, res) => { for await (const _ of req); await sleep(50); res.end('hello'); });
  const g = await gateway({ services: { api: api.url } });
  await request(g, '/api/a//b?token=hidden', { method: 'POST', body: 'four' });
  const record = await g.logged('the request', (r) => r.service === 'api');
  assert.deepEqual(Object.keys(record), kFields);
  assert.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.ok(Math.abs(Date.parse(record.time) - Date.now()) < 30_000);
  assert.deepEqual([record.method, record.path, record.protocol, record.status, record.reason, record.bytes_in, record.bytes_out, record.tries, record.client],
    ['POST', '/api/a/b', 'HTTP/1.1', 200, '', 4, 5, 1, '127.0.0.1']);
  assert.equal(record.endpoint, `127.0.0.1:${api.port}`);
  assert.equal(record.host, `127.0.0.1:${g.port}`);
  assert.ok(record.upstream >= 0.045 && record.total >= record.upstream && record.own < record.upstream, JSON.stringify(record));
  assert.doesNotMatch(fs.readFileSync(g.logFile, 'utf8'), /hidden/, 'the query is off by default');
});

gatewayTest('fields, sample and keep', async ({ service, gateway, request }) => {
  const api = await service((req, res) => { res.statusCode = req.url.includes('bad') ? 500 : 200; res.end(); });
  const folder = fs.mkdtempSync('/tmp/gatehouse-e2e-');
  const file = path.join(folder, 'log');
  const g = await gateway({ log: { to: file, fields: ['status', 'query', 'path'], sample: '20%', keep: ['errors'] }, services: { api: api.url } });
  for (let i = 0; i < 500; i += 1) await request(g, `/api/${i}?n=${i}`);
  for (let i = 0; i < 20; i += 1) await request(g, `/api/bad${i}?n=${i}`);
  await until('the errors', () => g.log(file).filter((r) => r.status === 500).length === 20);
  const good = g.log(file).filter((r) => r.status === 200);
  assert.ok(good.length > 40 && good.length < 170, `${good.length} of 500 at 20 %`);
  for (const r of good) assert.deepEqual(Object.keys(r), ['status', 'query', 'path']);
  assert.equal(good[0].query, `?n=${good[0].path.split('/')[2]}`);
  fs.rmSync(folder, { recursive: true });
});

gatewayTest('every byte in every text: each record is JSON, on a line of its own', async ({ service, gateway, client }) => {
  const api = await service((req, res) => res.end('ok'));
  const g = await gateway({ services: { api: { url: api.url, path: '/*' } }, listen: { public: { trusted_proxies: ['127.0.0.0/8'] } } });
  let sent = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    const char = String.fromCharCode(byte);
    const c = await client(g);
    c.send(`GET /p${char}"\\${char} HTTP/1.1\r\nHost: h${char}\r\nX-Request-Id: i${char}d-0123456789\r\n\r\n`);
    const answer = await c.answer();
    assert.ok([200, 400].includes(answer.status), `${byte}: ${answer.status}`);
    sent += 1;
    c.close();
  }
  await until(() => `${sent} records: ${g.log().length}`, () => g.log().length === sent);
  for (const r of g.log()) assert.deepEqual(Object.keys(r), kFields);
});

gatewayTest('rotation under load: rename and SIGUSR1 lose nothing', async ({ service, gateway }) => {
  const api = await service((req, res) => res.end(req.url));
  const g = await gateway({ services: { api: api.url } });
  const load = new Load(g.port, { parallel: 4, check: (a, id) => (a.text === `/api/${id}` ? '' : a.text) });
  const parts = [];
  for (let i = 0; i < 10; i += 1) {
    await until('records in the file', () => fs.existsSync(g.logFile) && fs.statSync(g.logFile).size > 5000);
    const old = `${g.logFile}.${i}`;
    fs.renameSync(g.logFile, old);
    parts.push(old);
    g.signal('SIGUSR1');
    await until('a new file', () => fs.existsSync(g.logFile));
  }
  await load.stop();
  assert.deepEqual(load.wrong, []);
  const all = () => [...parts, g.logFile].flatMap((f) => g.log(f)).map((r) => r.path);
  await until('every request to be logged', () => all().length >= load.served);
  assert.equal(new Set(all()).size, load.served);
  assert.equal(all().length, load.served);
  assert.equal(await g.metric('gatehouse_log_lines_lost_total'), 0);
});

gatewayTest('after SIGUSR1 the next record is in the new file, and the old one gets nothing more', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end('ok'));
  const g = await gateway({ services: { api: api.url } });
  const paths = (file) => g.log(file).map((r) => r.path);
  const old = `${g.logFile}.1`;
  await request(g, '/api/1');
  await g.logged('the first', (r) => r.path === '/api/1');
  fs.renameSync(g.logFile, old);
  await request(g, '/api/2');
  await until('the second, in the renamed file', () => paths(old).includes('/api/2'));
  assert.equal(fs.existsSync(g.logFile), false, 'a new file is made only when asked for');
  g.signal('SIGUSR1');
  await until('a new file', () => fs.existsSync(g.logFile));
  await request(g, '/api/3');
  await g.logged('the third', (r) => r.path === '/api/3');
  assert.deepEqual(paths(old), ['/api/1', '/api/2']);
  assert.deepEqual(paths(g.logFile), ['/api/3']);
  assert.ok(!g.descriptors().some((d) => d.startsWith(old)), 'the old file is closed');
});

gatewayTest('a full disk: requests go on, lost lines are counted', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end(req.url));
  const g = await gateway({ log: { to: '/dev/full' }, services: { api: api.url } });
  for (let i = 0; i < 300; i += 1) assert.equal((await request(g, `/api/${i}`)).text, `/api/${i}`);
  await until(async () => `300 lost lines: ${await g.metric('gatehouse_log_lines_lost_total')}`, async () => (await g.metric('gatehouse_log_lines_lost_total')) === 300);
  await until(() => `a word about it: ${g.stderr}`, () => /No space left/.test(g.stderr));
  assert.ok(g.stderr.split('\n').length < 30, 'it does not say so for every line');
});

gatewayTest('a reader of stdout that does not read holds nothing up', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end('x'));
  const g = await gateway({ log: { to: 'stdout' }, services: { api: api.url } });
  g.child.stdout.pause();
  const path300 = `/api/${'p'.repeat(300)}`;
  for (let i = 0; i < 600; i += 1) assert.equal((await request(g, path300)).text, 'x');
  g.child.stdout.resume();
  const lines = () => g.stdout.split('\n').slice(0, -1);
  await until('the log to go on', () => lines().length > 10);
  for (const line of lines()) assert.equal(JSON.parse(line).status, 200);
});
