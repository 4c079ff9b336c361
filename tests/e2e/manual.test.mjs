// The manual's examples, run as they stand in docs/manual/*.md.
//
// A `yaml` block is a whole configuration: `gatehouse check` has to take it. A `console` block is run with the configuration
// before it, if it has a curl: after `$` stands a command of bash, below it what it prints, where `...` is anything. A command
// is repeated until it prints that, for a reload takes its moment. Two things are changed, and nothing else:
//   - ports (`port: N`, and N after a colon wherever it stands) are free ones;
//   - a configuration without `state`, `admin` or `log` gets those of the test's folder; 9900 then is its admin API.
// Files are looked for in that folder: the manual's own commands make them, or `files` below.
import { createSecretKey } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Authority } from './lib/certificates.mjs';
import { makeKey, seconds, sign } from './lib/issuer.mjs';
import { Gatehouse, kBinary, kRoot, temporaryFolder } from './lib/gatehouse.mjs';
import { freePort } from './lib/service.mjs';
import { assert, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';

const kManual = path.join(kRoot, 'docs/manual');

// What the examples name and do not make.
const files = {
  'identity.md': async (folder) => {
    const write = (name, text) => fs.writeFileSync(path.join(folder, name), text);
    const staff = await makeKey('RS256');
    const partner = await makeKey('ES256');
    write('keys.json', JSON.stringify({ keys: [staff.jwk] }));
    write('partner-keys.json', JSON.stringify({ keys: [partner.jwk] }));
    write('secret.txt', 'a secret of more than 256 bits, as it is asked for');
    const claims = (more) => ({ iss: 'https://id.example.com', aud: 'api.example.com', sub: 'alice', exp: seconds() + 3600, ...more });
    write('alice.jwt', await sign(claims(), staff));
    write('gold.jwt', await sign(claims({ tier: 'gold' }), staff));
    write('expired.jwt', await sign(claims({ exp: seconds() - 3600 }), staff));
    write('partner.jwt', await sign(claims({ iss: 'https://login.partner.example' }), partner));
    const secret = createSecretKey(fs.readFileSync(path.join(folder, 'secret.txt')));
    write('build.jwt', await sign(claims({ iss: 'build' }), { privateKey: secret, alg: 'HS256' }));
  },
  'limits.md': async (folder) => {
    const { jwk } = await makeKey('RS256');
    fs.writeFileSync(path.join(folder, 'keys.json'), JSON.stringify({ keys: [jwk] }));
  },
  'tls.md': (folder) => {
    const ca = new Authority(folder, 'ca');
    const mesh = new Authority(folder, 'mesh-ca');
    new Authority(folder, 'internal-ca');
    const shop = ca.issue('shop', 'DNS:shop.example.com');
    ca.issue('shop-rsa', 'DNS:shop.example.com', { rsa: true });
    ca.issue('wild', 'DNS:*.example.com');
    ca.issue('gateway', 'DNS:gateway.internal');
    mesh.issue('orders', 'URI:spiffe://mesh/orders');
    // As Kubernetes mounts a secret.
    fs.mkdirSync(path.join(folder, 'tls/..1'), { recursive: true });
    fs.copyFileSync(shop.cert, path.join(folder, 'tls/..1/tls.crt'));
    fs.copyFileSync(shop.key, path.join(folder, 'tls/..1/tls.key'));
    fs.symlinkSync('..1', path.join(folder, 'tls/..data'));
    for (const name of ['tls.crt', 'tls.key']) fs.symlinkSync(`..data/${name}`, path.join(folder, 'tls', name));
  },
};

function blocksOf(text) {
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, kind, body]) => ({ kind, body }));
}

// Commands of a console block, each with what it prints.
function commandsOf(body) {
  return [...body.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command, printed]) => ({ command, printed }));
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const pattern = (printed) => new RegExp(`^${printed.split('...').map(escaped).join('[^]*?')}$`);

class Page {
  constructor(folder) {
    this.folder = folder;
    this.ports = new Map();
  }
  async findPorts(text) {
    for (const [, port] of text.matchAll(/\bport: (\d+)/g)) if (!this.ports.has(port)) this.ports.set(port, await freePort());
  }
  withPorts(text) {
    return text.replace(/(\bport: |:)(\d{4,5})\b/g, (all, before, port) => (this.ports.has(port) ? before + this.ports.get(port) : all));
  }
  configuration(body, admin) {
    const mine = { state: `${this.folder}/state`, log: `{to: ${this.folder}/log}`, admin: `{port: ${admin}, token: e2e-token}` };
    const has = (key) => new RegExp(`^${key}:`, 'm').test(body);
    return this.withPorts(body) + Object.entries(mine).filter(([key]) => !has(key)).map(([key, value]) => `${key}: ${value}\n`).join('');
  }
}

for (const name of fs.readdirSync(kManual).filter((n) => n.endsWith('.md'))) {
  gatewayTest(`the examples of docs/manual/${name}`, async ({ run, later }) => {
    const folder = temporaryFolder();
    later.push(() => fs.rmSync(folder, { recursive: true, force: true }));
    await files[name]?.(folder);
    fs.mkdirSync(path.join(folder, 'bin'));
    fs.symlinkSync(path.resolve(kBinary), path.join(folder, 'bin/gatehouse'));
    const env = { ...process.env, PATH: `${folder}/bin:${process.env.PATH}` };
    const text = fs.readFileSync(path.join(kManual, name), 'utf8');
    const blocks = blocksOf(text);
    const page = new Page(folder);
    await page.findPorts(text);
    let gateway;
    const end = async () => {
      if (gateway) assert.deepEqual(await gateway.stop(), { code: 0, signal: null }, gateway.stderr);
      gateway = undefined;
    };
    later.push(() => gateway?.kill());
    let checked = 0;
    let commands = 0;
    for (const [i, { kind, body }] of blocks.entries()) {
      if (kind === 'yaml') {
        await end();
        const follows = blocks[i + 1]?.kind === 'console' && blocks[i + 1].body.includes('curl');
        const file = path.join(folder, 'gatehouse.yaml');
        fs.writeFileSync(file, page.configuration(body, await freePort()));
        const said = await run('gatehouse', ['check', file], { env });
        assert.equal(said.code, 0, `${body}\n${said.stdout}${said.stderr}`);
        checked += 1;
        if (follows) gateway = await Gatehouse.start(undefined, { folder, cwd: folder, text: (g) => page.configuration(body, g.adminPort) });
        if (gateway && !/^admin:/m.test(body)) page.ports.set('9900', String(gateway.adminPort));
      } else if (kind === 'console') {
        for (const { command, printed } of commandsOf(body)) {
          let got;
          await until(() => `\`${command}\` to print\n${printed}and not\n${got}`, async () => {
            const out = await run('bash', ['-c', `cd '${folder}' && ${page.withPorts(command)}`], { env });
            got = out.stdout.replaceAll('\r', '') + out.stderr;
            return pattern(page.withPorts(printed)).test(got);
          }, { every: 200 });
          commands += 1;
        }
      }
    }
    await end();
    console.log(`  ${checked} configurations, ${commands} commands`);
    assert.ok(checked > 0);
  });
}
