// The gateway under test: the real binary, started with a configuration of the test in a folder of its own, on free
// ports, and watched from outside (/proc, metrics, log).
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { freePort } from './service.mjs';
import { until, within } from './wait.mjs';

export const kRoot = path.resolve(import.meta.dirname, '../../..');
export const kBinary = process.env.GATEHOUSE ?? path.join(kRoot, 'build/release/gatehouse');
export const kToken = 'e2e-token';

// Children must not outlive a test that was broken off.
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export function temporaryFolder() {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-e2e-'));
}

export class Gatehouse {
  // `config`: fields of the configuration; listener, admin API, log and state folder are added where it has none.
  // `text(gateway)`: the file's text instead, or nothing if it has written the file. `descriptors`: limit of the process. `ready: false`: do not wait.
  // `args`: of the command. `stderr`: where it goes.
  static async start(config, { text, descriptors, env = {}, args = [], ready = true, stderr = 'pipe', folder = temporaryFolder() } = {}) {
    const self = new Gatehouse();
    self.folder = folder;
    self.port = config?.listen?.public?.port ?? await freePort();
    self.adminPort = await freePort();
    self.file = path.join(self.folder, 'gatehouse.yaml');
    self.logFile = path.join(self.folder, 'access.log');
    if (text) {
      const written = text(self);
      if (written !== undefined) self.write(written);
    } else {
      self.write(config);
    }
    const limit = descriptors ? ['prlimit', `--nofile=${descriptors}:${descriptors}`] : [];
    const command = [...limit, kBinary, 'run', self.file, ...args];
    self.child = spawn(command[0], command.slice(1), {
      stdio: ['ignore', 'pipe', stderr],
      env: { PATH: process.env.PATH, ...env },
    });
    running.add(self.child);
    self.stdout = '';
    self.stderr = '';
    self.child.stdout.setEncoding('utf8').on('data', (s) => { self.stdout += s; });
    self.child.stderr?.setEncoding('utf8').on('data', (s) => { self.stderr += s; });
    self.exited = new Promise((resolve) => self.child.on('close', (code, signal) => {
      running.delete(self.child);
      self.exit = { code, signal };
      resolve(self.exit);
    }));
    if (ready) await self.waitReady();
    return self;
  }

  // The least that a test's configuration needs around what it is about.
  complete(config) {
    return {
      workers: 1,
      state: path.join(this.folder, 'state'),
      log: { to: this.logFile },
      admin: { bind: '127.0.0.1', port: this.adminPort, token: kToken },
      ...config,
      listen: { public: { port: this.port, bind: '127.0.0.1', ...config?.listen?.public }, ...without(config?.listen, 'public') },
    };
  }

  // JSON is YAML. Written by rename, as editors do it.
  write(config) {
    const text = typeof config === 'string' ? config : `${JSON.stringify(this.complete(config), null, 1)}\n`;
    fs.writeFileSync(`${this.file}.new`, text);
    fs.renameSync(`${this.file}.new`, this.file);
  }

  async waitReady() {
    await until(() => `the gateway to be ready; it said: ${this.stderr}`, async () => {
      if (this.exit) throw new Error(`it ended: ${JSON.stringify(this.exit)}`);
      return (await this.admin('/readyz')).status === 200;
    });
    await this.#remember();
  }

  // What the process holds before the first client: what it must hold again after the last.
  async #remember() {
    this.descriptorsAtStart = this.descriptors().length;
  }

  descriptors() {
    return fs.readdirSync(`/proc/${this.child.pid}/fd`).map((fd) => {
      try {
        return fs.readlinkSync(`/proc/${this.child.pid}/fd/${fd}`);
      } catch {
        return 'closed meanwhile';
      }
    });
  }

  residentBytes() {
    return Number(fs.readFileSync(`/proc/${this.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  }

  // Of all threads, user and system.
  cpuSeconds() {
    const fields = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  // A request to the admin API. `token: null` sends none.
  admin(target, { method = 'GET', body, token = kToken, headers = {}, agent = false } = {}) {
    return new Promise((resolve, reject) => {
      const req = http.request({
        host: '127.0.0.1', port: this.adminPort, path: target, method, agent,
        headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (s) => { text += s; });
        res.on('end', () => resolve({
          status: res.statusCode, headers: res.headers, text, json: () => JSON.parse(text),
        }));
        res.on('error', reject);
      });
      req.setTimeout(20_000, () => req.destroy(new Error('the admin API did not answer')));
      req.on('error', reject);
      req.end(body);
    });
  }

  // Sum of a metric's samples whose labels are these.
  async metric(name, labels = {}) {
    let sum = 0;
    for (const line of (await this.admin('/metrics')).text.split('\n')) {
      const match = /^([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)$/.exec(line);
      if (match?.[1] !== name) continue;
      if (Object.entries(labels).every(([k, v]) => match[2]?.includes(`${k}="${v}"`))) sum += Number(match[3]);
    }
    return sum;
  }

  // Records of the access log, as a JSON library reads them.
  log(file = this.logFile) {
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
    return text.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }

  logged(what, find) {
    return until(() => `a log record of ${what} among ${JSON.stringify(this.log().slice(-5))}`, () => this.log().find(find));
  }

  signal(name) { this.child.kill(name); }

  // Once clients and services have closed their ends: no descriptor more than before the first of them, nothing in
  // progress, nothing pooled.
  async settle() {
    if (this.exit) return;
    await until(() => `the descriptors to be ${this.descriptorsAtStart} again: ${this.descriptors().sort().join(' ')}`,
      () => this.descriptors().length <= this.descriptorsAtStart);
    for (const gauge of ['gatehouse_connections', 'gatehouse_requests_in_progress', 'gatehouse_tunnels', 'gatehouse_upstream_idle_connections']) {
      await until(async () => `${gauge} to be 0: ${await this.metric(gauge)}`, async () => (await this.metric(gauge)) === 0);
    }
  }

  // Ends it as an operator would. Returns what it exited with.
  async stop() {
    if (!this.exit) this.signal('SIGTERM');
    return within(`the gateway to end; it said: ${this.stderr}`, this.exited, 40_000);
  }

  kill() { if (!this.exit) this.signal('SIGKILL'); }

  removeFolder() { fs.rmSync(this.folder, { recursive: true, force: true }); }
}

function without(object = {}, key) {
  const { [key]: _, ...rest } = object;
  return rest;
}
