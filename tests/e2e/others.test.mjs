// The same gateway seen by clients that others wrote: curl, undici, Python's http.client, wrk.
import fs from 'node:fs';
import path from 'node:path';
import { Client, Pool } from 'undici';
import { assert, gatewayTest } from './lib/test.mjs';

gatewayTest('curl: GET, POST of a file, HEAD, redirects, Expect, HTTP/1.0, many on one connection', async ({ service, gateway, run }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url }, routes: [{ path: '/old', redirect: '/api/new' }] });
  const url = `http://127.0.0.1:${g.port}`;
  const curl = async (...args) => {
    const { code, stdout, stderr } = await run('curl', ['-sS', '--max-time', '20', ...args]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  assert.equal(JSON.parse(await curl(`${url}/api/a?b=c`)).url, '/api/a?b=c');
  const file = path.join(g.folder, 'upload');
  fs.writeFileSync(file, 'y'.repeat(3_000_000));
  assert.equal(JSON.parse(await curl('--data-binary', `@${file}`, '-H', 'Expect: 100-continue', `${url}/api/up`)).bytes, 3_000_000);
  assert.equal(JSON.parse(await curl('-T', file, '-H', 'Transfer-Encoding: chunked', `${url}/api/up`)).bytes, 3_000_000);
  assert.match(await curl('-I', `${url}/api/head`), /^HTTP\/1\.1 200 OK\r\n/);
  assert.equal(JSON.parse(await curl('-L', `${url}/old`)).url, '/api/new');
  assert.equal(JSON.parse(await curl('-0', `${url}/api/ten`)).url, '/api/ten');
  const many = await curl('-w', ' %{num_connects}\\n', ...[1, 2, 3, 4].map((i) => `${url}/api/${i}`));
  assert.deepEqual(many.trim().split('\n').map((l) => l.slice(-1)), ['1', '0', '0', '0']);
  // A WebSocket of curl's own kind, and compressed answers, come back as answers.
  assert.equal(JSON.parse(await curl('--compressed', `${url}/api/z`)).headers['accept-encoding'].includes('gzip'), true);
});

gatewayTest('undici: pipelining, parallel requests, bodies of every kind', async ({ service, gateway }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const pipelined = new Client(`http://127.0.0.1:${g.port}`, { pipelining: 10 });
  const answers = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    const res = await pipelined.request({ path: `/api/${i}`, method: i % 3 ? 'GET' : 'PUT', body: i % 3 ? undefined : 'z'.repeat(i), idempotent: true });
    return res.body.json();
  }));
  answers.forEach((a, i) => assert.deepEqual([a.url, a.bytes], [`/api/${i}`, i % 3 ? 0 : i]));
  await pipelined.close();
  const pool = new Pool(`http://127.0.0.1:${g.port}`, { connections: 10 });
  await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    const res = await pool.request({ path: `/api/${i}`, method: 'POST', body: JSON.stringify({ i }), headers: { 'content-type': 'application/json' } });
    assert.equal((await res.body.json()).url, `/api/${i}`);
  }));
  await pool.close();
});

gatewayTest("Python's http.client", async ({ service, gateway, run }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const { code, stderr } = await run('python3', [path.join(import.meta.dirname, 'http_client.py'), String(g.port)]);
  assert.equal(code, 0, stderr);
});

gatewayTest('wrk: every answer is whole and right', async ({ service, gateway, run }) => {
  const api = await service((req, res) => res.end(`answer to ${req.url}`));
  const g = await gateway({ services: { api: api.url } });
  const { code, stdout, stderr } = await run('wrk', ['-t1', '-c16', '-d3s', '-s', path.join(import.meta.dirname, 'wrk.lua'), `http://127.0.0.1:${g.port}/api`]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /wrong answers: 0\n/, stdout);
  assert.doesNotMatch(stdout, /Socket errors|Non-2xx/, stdout);
  assert.ok(Number(/(\d+) requests in/.exec(stdout)[1]) > 50, stdout);
});
