// A real name server (Knot DNS) on port 53, for the zone gatehouse.test; in a namespace of the test's own
// (namespace.mjs).
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './gatehouse.mjs';
import { until, within } from './wait.mjs';

const kZone = 'gatehouse.test';
const kSoa = `@ 1 SOA ns.${kZone}. hostmaster.${kZone}. 1 3600 600 86400 1\n@ 1 NS ns\nns 1 A 127.0.0.1\n`;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class DnsServer {
  // `records`: lines of the zone file, "api 1 A 127.0.0.2" (name, TTL in seconds, type, data).
  static async start(records) {
    const self = new DnsServer();
    self.folder = temporaryFolder();
    const { folder } = self;
    self.zone = path.join(folder, 'zone');
    self.config = path.join(folder, 'knot.conf');
    fs.writeFileSync(self.config, [
      'server:', `  rundir: "${folder}"`, '  listen: 127.0.0.1@53', '  tcp-workers: 1', '  udp-workers: 1', '  background-workers: 1',
      'log:', '  - target: stderr', '    any: warning',
      'database:', `  storage: "${folder}"`,
      'zone:', `  - domain: ${kZone}`, `    file: "${self.zone}"`, '    journal-content: none', '    zonefile-sync: -1', '',
    ].join('\n'));
    self.#write(records);
    self.child = spawn('/usr/sbin/knotd', ['-c', self.config], { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(self.child);
    self.said = '';
    for (const pipe of [self.child.stdout, self.child.stderr]) pipe.setEncoding('utf8').on('data', (s) => { self.said += s; });
    self.exited = new Promise((resolve) => self.child.on('close', () => {
      running.delete(self.child);
      resolve();
    }));
    await until(() => `the name server to serve; it said: ${self.said}`, () => self.#control('zone-status', kZone) && self.#control('zone-read', kZone));
    return self;
  }

  #write(records) {
    fs.writeFileSync(this.zone, `$ORIGIN ${kZone}.\n${kSoa}${records.join('\n')}\n`);
  }

  #control(...command) {
    return spawnSync('/usr/sbin/knotc', ['-c', this.config, '-t', '5', '-b', ...command], { encoding: 'utf8' }).status === 0;
  }

  // Every question from now on is answered by these.
  change(records) {
    this.#write(records);
    if (!this.#control('zone-reload', kZone)) throw new Error(`the zone was not loaded: ${this.said}`);
  }

  // It takes questions, and answers none.
  pause() { this.child.kill('SIGSTOP'); }
  resume() { this.child.kill('SIGCONT'); }

  // Nobody listens any more.
  async kill() {
    this.child.kill('SIGKILL');
    await within('the name server to end', this.exited);
  }

  async end() {
    await this.kill();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
