// The commands: exit status 0, 1 (it says no) or 2 (usage), text and --json; and secrets, which none of it may show.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { kBinary, kToken, temporaryFolder } from './lib/gatehouse.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { spawnSync } from 'node:child_process';
import { until } from './lib/wait.mjs';

const run = (args, env = {}) => {
  const r = spawnSync(kBinary, args, { encoding: 'utf8', timeout: 20_000, env: { PATH: process.env.PATH, ...env } });
  return { code: r.status, out: r.stdout, err: r.stderr, all: r.stdout + r.stderr };
};

function files(contents) {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(contents)) fs.writeFileSync(path.join(folder, name), text);
  return { folder, at: (name) => path.join(folder, name), remove: () => fs.rmSync(folder, { recursive: true }) };
}

const kGood = `services:
  users: http://127.0.0.1:8081
  pay: {versions: {v1: "http://127.0.0.1:1", v2: "http://127.0.0.1:2"}, canary: v2 5%}
routes:
  - {path: /pay/*, to: pay.v2, when: {header.x-beta: "true"}}
`;

test('check, print, schema, reference, version, --help', () => {
  const f = files({ 'good.yaml': kGood, 'bad.yaml': 'services:\n  a: {ulr: http://x}\n  b: {url: 5, timeout: never}\n' });
  const good = run(['check', f.at('good.yaml')]);
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /users/);
  const asJson = JSON.parse(run(['check', '--json', f.at('good.yaml')]).out);
  assert.equal(asJson.ok, true);
  assert.ok(asJson.opens.some((o) => o.path === '/users/*'));
  const bad = run(['check', f.at('bad.yaml')]);
  assert.equal(bad.code, 1);
  for (const part of [/bad\.yaml:2:\d+: .*ulr/, /url/, /bad\.yaml:3:\d+: /, /never/]) assert.match(bad.err, part);
  const badJson = run(['check', '--json', f.at('bad.yaml')]);
  assert.equal(badJson.code, 1);
  assert.equal(JSON.parse(badJson.out).ok, false);
  assert.equal(run(['check', f.at('none.yaml')]).code, 1);

  const printed = run(['print', f.at('good.yaml')]);
  assert.equal(printed.code, 0);
  assert.match(printed.out, /timeout: 10s/);
  assert.match(printed.out, /good\.yaml:3|:3/);
  assert.equal(JSON.parse(run(['schema']).out).type, 'object');
  assert.match(run(['reference']).out, /^\| `gatehouse_requests_total` \|/m);
  assert.match(run(['version']).out, /^gatehouse \d+\.\d+\.\d+\n$/);
  assert.match(JSON.parse(run(['version', '--json']).out).version, /^\d+\.\d+\.\d+$/);
  for (const command of ['run', 'demo', 'check', 'print', 'schema', 'explain', 'reload', 'rollback', 'limits', 'version']) {
    const help = run([command, '--help']);
    assert.equal(help.code, 0, command);
    assert.ok(help.out.length > 50, command);
  }
  for (const usage of [[], ['nonsense'], ['check', '--nonsense'], ['explain', f.at('good.yaml')]]) assert.equal(run(usage).code, 2, usage.join(' '));
  f.remove();
});

test('explain: which route, and what failed of the others', () => {
  const f = files({ 'g.yaml': kGood });
  const plain = run(['explain', f.at('g.yaml'), 'GET', '/pay/x']);
  assert.equal(plain.code, 0, plain.err);
  assert.match(plain.out, /x-beta/);
  const beta = run(['explain', f.at('g.yaml'), 'GET', '/pay/x', '-H', 'X-Beta: true']);
  assert.equal(beta.code, 0);
  assert.match(beta.out, /pay\.v2/);
  assert.equal(typeof JSON.parse(run(['explain', '--json', f.at('g.yaml'), 'GET', 'http://a.test/users/1']).out), 'object');
  assert.equal(run(['explain', f.at('g.yaml'), 'GET', '/nowhere']).code, 1);
  assert.equal(run(['explain', f.at('g.yaml'), 'GET', '/pay/x', '-H', 'no colon']).code, 2);
  f.remove();
});

gatewayTest('reload and rollback talk to the running gateway', async ({ service, gateway, request }) => {
  const api = await service();
  const config = (n) => ({ services: { api: api.url }, routes: [{ path: '/version', reply: { body: `version ${n}` } }] });
  const g = await gateway(config(1));
  const same = run(['reload', '--config', g.file]);
  assert.equal(same.code, 0, same.all);
  g.write(config(2));
  const reloaded = run(['reload', '--json', '--config', g.file]);
  assert.equal(reloaded.code, 0, reloaded.all);
  assert.ok(['published', 'unchanged'].includes(JSON.parse(reloaded.out).outcome));
  assert.equal((await request(g, '/version')).text, 'version 2');
  assert.equal(run(['rollback', '--config', g.file]).code, 0);
  assert.equal((await request(g, '/version')).text, 'version 1');
  const check = run(['check', g.file]);
  assert.equal(check.code, 0);
  assert.match(check.out, /differs from the disk/);
  assert.equal(run(['reload', '--config', g.file, '--token', 'wrong']).code, 1);
  fs.writeFileSync(g.file, 'services: 5\n');
  await until('the file event', () => /services/.test(g.stderr));
  const refused = run(['reload', '--force', '--admin', `127.0.0.1:${g.adminPort}`, '--token', kToken, '--config', g.file]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /services/);
  const nobody = run(['reload', '--admin', '127.0.0.1:1', '--token', 'x', '--config', g.file]);
  assert.equal(nobody.code, 1);
  assert.equal(nobody.err.trim().split('\n').length, 1, nobody.err);
});

// Values that come from outside of the file: whatever is asked, printed or logged, none of them is seen.
gatewayTest('secrets are never shown: commands, endpoints, log, diagnostics', async ({ service, gateway, request }) => {
  const api = await service((req, res) => res.end(JSON.stringify(req.headers)));
  const whole = 'canary-whole-8d1f';
  const part = 'canary-part-77aa';
  const filed = 'canary-file-c0de';
  const token = 'canary-token-31337';
  const env = {
    WHOLE: whole, PART: part, TOKEN: token, HOST: 'canary-host.example', BELOW: '/canary-path', GO: 'https://canary-go.example/*', DARK: 'http://canary-dark.invalid:81',
    NOWHERE: '/proc/canary-nowhere/access.log',
  };
  const write = (self, extra = {}) => {
    fs.writeFileSync(path.join(self.folder, 'key.txt'), `${filed}\n`);
    return {
      ...self.complete({ services: { dark: { url: '$DARK' }, plain: { url: api.url, path: 'none' }, api: { url: api.url, headers: { request: { set: { 'x-whole': '$WHOLE', 'x-part': 'Bearer ${PART}', 'x-filed': `file:${self.folder}/key.txt` } } } } } }),
      routes: [
        { path: '/own', when: { 'header.x-key': '$WHOLE' }, reply: { body: 'in ${PART}' } },
        { path: '${BELOW}/*', host: '$HOST', to: 'plain', when: { host: 'not *.${HOST}', path: 'not ${BELOW}/x' } },
        { path: '/go/*', host: '*.${HOST}', redirect: '$GO' },
      ],
      admin: { port: self.adminPort, token: '$TOKEN' },
      ...extra,
    };
  };
  const g = await gateway(undefined, { env, text: (self) => JSON.stringify(write(self)) });
  const seen = (await request(g, '/api/x')).json();
  assert.deepEqual([seen['x-whole'], seen['x-part'], seen['x-filed']], [whole, `Bearer ${part}`, filed]);
  assert.equal((await request(g, '/own', { headers: { 'x-key': whole } })).text, `in ${part}`);

  assert.equal((await request(g, '/go/1', { headers: { host: 'a.canary-host.example' } })).headers.location, 'https://canary-go.example/1');
  assert.equal((await request(g, '/dark/1')).status, 503);

  const shown = {};
  const file = g.file;
  for (const args of [['check', file], ['check', '--json', file], ['print', file], ['schema'], ['explain', file, 'GET', '/own'], ['explain', '--json', file, 'GET', '/own'],
    ['explain', file, 'GET', '/own', '-H', 'x-key: other'], ['explain', file, 'GET', '/own', '-H', 'host: a.canary-host.example'],
    ['explain', '--json', file, 'GET', '/canary-path/1', '-H', 'host: canary-host.example'], ['explain', file, 'GET', '/go/1', '-H', 'host: a.canary-host.example'], ['reload', '--config', file], ['reload', '--force', '--json', '--config', file], ['rollback', '--json', '--config', file], ['version']]) {
    shown[`gatehouse ${args.join(' ')}`] = run(args, env).all;
  }
  for (const target of ['/config', '/routes', '/services', '/explain?url=/own', '/explain?url=/own&header=x-key:%20no', '/explain?url=/canary-path/1&header=host:%20canary-host.example',
    '/explain?url=/go/1&header=host:%20a.canary-host.example', '/metrics', '/version', '/readyz', '/log-level']) {
    const answer = await g.admin(target, { token });
    assert.equal(answer.status, 200, `${target}: ${answer.text}`);
    shown[`GET ${target}`] = JSON.stringify(answer.headers) + answer.text;
  }
  // Mistakes in and around them.
  const wrong = [
    { services: { api: '$WHOLE' } }, { drain: '$WHOLE' }, { services: { api: { url: api.url, timeout: '${PART}s' } } }, { routes: [{ path: '${PART}', to: 'api' }] },
    { services: { api: { url: `file:${g.folder}/key.txt` } } }, { listen: { public: { port: '$TOKEN' } } }, { include: [`${g.folder}/key.txt`] },
    { routes: [{ path: '/own', when: { 'header.x-key': '~($WHOLE' }, to: '$PART' }] }, { routes: [{ path: '/a', to: 'api', when: { ip: '$WHOLE' } }] },
    { routes: [{ path: '/a', host: '$HOST', to: 'api' }, { path: '/a', host: '$HOST', to: 'dark' }] }, { routes: [{ path: '/a', to: 'api', method: '$WHOLE' }] },
    { routes: [{ path: '/a', to: 'api', when: { method: '$WHOLE' } }] }, { log: { to: '$NOWHERE' } }, { routes: [{ path: '/a', redirect: '$WHOLE' }] },
  ];
  for (const [i, extra] of wrong.entries()) {
    const other = path.join(g.folder, `wrong${i}.yaml`);
    fs.writeFileSync(other, JSON.stringify(write(g, extra)));
    const checked = run(['check', other], env);
    shown[`check ${JSON.stringify(extra)}`] = checked.all;
    shown[`print ${JSON.stringify(extra)}`] = run(['print', other], env).all;
    const put = await g.admin('/config', { method: 'PUT', token, body: JSON.stringify(write(g, extra)) });
    shown[`PUT ${JSON.stringify(extra)}`] = put.text;
    if (put.status === 200) await g.admin('/rollback', { method: 'POST', token });
  }
  shown.stderr = g.stderr;
  // A record shows the host that its client sent, whatever the configuration calls it.
  shown.log = fs.readFileSync(g.logFile, 'utf8').split('\n').filter((line) => !line.includes('"/go/1"')).join('\n');
  for (const [what, text] of Object.entries(shown)) assert.doesNotMatch(text, /canary-/, what);
  assert.match(shown[`gatehouse print ${file}`], /\$WHOLE/, 'the source is shown instead');
});

gatewayTest('run --json: all that stderr gets is JSON, from the first line to the last', async ({ service, gateway }) => {
  const api = await service((req, res) => res.end());
  const g = await gateway({ services: { api: api.url } }, { args: ['--json'] });
  g.write('services: {api: 5}\n');
  await until('the refusal', () => /"level":"error"/.test(g.stderr));
  const events = g.stderr.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  for (const e of events) assert.deepEqual(Object.keys(e).slice(0, 3), ['time', 'level', 'message']);
  assert.ok(events.some((e) => / is up with 1 workers /.test(e.message)));

  const f = files({ 'bad.yaml': 'services: {api: 5}\nx: 1\n' });
  const refused = run(['run', '--json', f.at('bad.yaml')]);
  assert.equal(refused.code, 1);
  const errors = refused.err.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.ok(errors.length >= 2 && errors.every((e) => e.level === 'error'), refused.err);
  assert.match(errors[0].message, /bad\.yaml:\d+:\d+: /);
  f.remove();
});
