// What systemd is to a service: a datagram socket that $NOTIFY_SOCKET names, and a list of what was said to it. (Node has no
// such sockets: Python listens, and prints one JSON object a datagram.)
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { temporaryFolder } from './gatehouse.mjs';
import { until } from './wait.mjs';

const kListen = `
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print(json.dumps({"text": ""}), flush=True)
while True:
    text = s.recv(65536).decode()
    print(json.dumps({"at": time.monotonic(), "text": text}), flush=True)
`;

export class ServiceManager {
  // `name` is what $NOTIFY_SOCKET has to be.
  static async start(name = path.join(temporaryFolder(), 'notify')) {
    const self = new ServiceManager();
    self.name = name;
    self.said = [];   // {at: seconds of CLOCK_MONOTONIC, text}
    self.child = spawn('python3', ['-c', kListen, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    let bound = false;
    readline.createInterface({ input: self.child.stdout }).on('line', (line) => {
      const said = JSON.parse(line);
      if (said.text) self.said.push(said);
      bound = true;
    });
    await until('the socket', () => bound);
    return self;
  }

  // All that was said but the beats, by first assignment: `READY=1`, ...
  get events() { return this.said.map(({ text }) => text.split('\n')[0]).filter((e) => e !== 'WATCHDOG=1'); }

  get beats() { return this.said.filter(({ text }) => text === 'WATCHDOG=1').map(({ at }) => at); }

  last(key) {
    const lines = this.said.flatMap(({ text }) => text.split('\n')).filter((l) => l.startsWith(`${key}=`));
    return lines.at(-1)?.slice(key.length + 1);
  }

  heard(events) {
    return until(() => `${events.join(' ')} and not ${this.events.join(' ')}`, () => this.events.join() === events.join());
  }

  close() {
    this.child.kill('SIGKILL');
    if (this.name.startsWith('/')) fs.rmSync(path.dirname(this.name), { recursive: true, force: true });
  }
}
