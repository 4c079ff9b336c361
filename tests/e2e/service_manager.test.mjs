// What systemd is told: ready when it serves, around reloads, at the end, and that it lives.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { assert, gatewayTest } from './lib/test.mjs';
import { ServiceManager } from './lib/service_manager.mjs';
import { sleep, until, within } from './lib/wait.mjs';

const kReply = { routes: [{ path: '/', reply: { body: 'here' } }] };

async function managed(context, name) {
  const manager = await ServiceManager.start(name);
  context.later.push(() => manager.close());
  return manager;
}

gatewayTest('ready when it serves, reloading and ready around a reload, stopping at its end', async (context) => {
  const { gateway, request } = context;
  const manager = await managed(context);
  const config = { ...kReply, drain: '20s', ready_grace: '2s' };
  const g = await gateway(config, { ready: false, env: { NOTIFY_SOCKET: manager.name } });
  await manager.heard(['READY=1']);
  // No retry: at the moment of READY every listener accepts.
  assert.equal((await request(g, '/')).text, 'here');
  await g.waitReady();
  assert.equal(manager.last('STATUS'), `configuration 1 is in force; accepting on 127.0.0.1:${g.port} (public)`);

  const before = Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6;
  g.signal('SIGHUP');
  await manager.heard(['READY=1', 'RELOADING=1', 'READY=1']);
  const at = Number(manager.last('MONOTONIC_USEC'));
  assert.ok(at >= before - 20_000 && at < before + 60e6, `${at} is not right after ${before}`);

  g.write({ ...config, routes: [{ path: '/x', reply: 200 }] });
  g.signal('SIGHUP');
  await until('the second configuration', () => /^configuration 2 is in force; /.test(manager.last('STATUS')));
  g.write('routes: [{}]\n');
  await until('a refusal to be seen', () => /^configuration 2 is in force, which differs from the files; /.test(manager.last('STATUS')));
  await until('the end of the last reload', () => manager.events.at(-1) === 'READY=1');
  assert.equal(manager.beats.length, 0, 'nobody asked for a watchdog');

  g.signal('SIGTERM');
  await until('STOPPING=1', () => manager.events.at(-1) === 'STOPPING=1');
  assert.equal(manager.last('EXTEND_TIMEOUT_USEC'), '32000000', 'ready_grace, drain, and a little');
  assert.equal(g.exit, undefined, 'it is said at the beginning of the end');
  assert.deepEqual(await within('the end', g.exited), { code: 0, signal: null });
});

gatewayTest('a gateway that cannot start never says that it is ready', async (context) => {
  const manager = await managed(context);
  const occupied = net.createServer().listen(0, '127.0.0.1');
  context.later.push(() => occupied.close());
  await until('a port', () => occupied.address());
  const g = await context.gateway({ ...kReply, listen: { public: { port: occupied.address().port } } },
    { ready: false, env: { NOTIFY_SOCKET: manager.name } });
  g.expectedExit = { code: 1, signal: null };
  await within('the end', g.exited);
  assert.deepEqual(manager.said, []);
});

gatewayTest('the watchdog hears of it in every half of its time, on an abstract socket too', async (context) => {
  const manager = await managed(context, `@gatehouse-e2e-${process.pid}`);
  const g = await context.gateway({ ...kReply, workers: 2 }, { env: { NOTIFY_SOCKET: manager.name, WATCHDOG_USEC: '2000000' } });
  await until('beats', () => manager.beats.length >= 6);
  const { beats } = manager;
  // Machines that build something else at the same time are late: the whole time is what must never pass.
  const gaps = beats.slice(1).map((at, i) => at - beats[i]).sort((a, b) => a - b);
  assert.ok(gaps[Math.floor(gaps.length / 2)] < 1, `beats were apart ${gaps} s`);
  assert.ok(gaps.at(-1) < 2, `beats were apart ${gaps} s`);
  assert.deepEqual(manager.events, ['READY=1']);
});

// Stops one thread and no other, until it is told to end: what a debugger does.
const kHold = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
ATTACH, DETACH, WALL = 16, 17, 0x40000000
thread = int(sys.argv[1])
if libc.ptrace(ATTACH, thread, None, None) != 0: sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(thread, WALL)
print("held", flush=True)
sys.stdin.read()
libc.ptrace(DETACH, thread, None, None)
`;

gatewayTest('one worker that is stuck: the others serve, and the watchdog hears nothing until it turns again', async (context) => {
  const manager = await managed(context);
  const g = await context.gateway({ ...kReply, workers: 3 }, { env: { NOTIFY_SOCKET: manager.name, WATCHDOG_USEC: '600000' } });
  const tasks = `/proc/${g.child.pid}/task`;
  const worker = fs.readdirSync(tasks).find((t) => fs.readFileSync(`${tasks}/${t}/comm`, 'utf8') === 'worker 1\n');
  const holder = spawn('python3', ['-c', kHold, worker], { stdio: ['pipe', 'pipe', 'pipe'] });
  context.children.push(holder);
  let said = '';
  for (const stream of [holder.stdout, holder.stderr]) stream.on('data', (text) => { said += text; });
  await until('the thread to be held', () => said || holder.exitCode !== null);
  if (said.includes('not permitted')) {
    console.log('skipped: this user may not hold a thread of another process');
    return;
  }
  assert.equal(said, 'held\n');
  await sleep(100);   // what was under way has arrived
  const before = manager.beats.length;
  await sleep(1500);
  assert.equal(manager.beats.length, before, 'no beat in two and a half of its times');
  assert.equal((await g.admin('/readyz')).status, 200, 'control turns');
  holder.stdin.end();
  await until('beats again', () => manager.beats.length > before + 2);
});

gatewayTest('a watchdog that is meant for another process, or a socket that is none, changes nothing', async (context) => {
  const manager = await managed(context);
  const other = await context.gateway(kReply, { env: { NOTIFY_SOCKET: manager.name, WATCHDOG_USEC: '200000', WATCHDOG_PID: '1' } });
  const odd = await context.gateway(kReply, { env: { NOTIFY_SOCKET: 'vsock:2:1234', WATCHDOG_USEC: '200000' } });
  await until('the warning', () => odd.stderr.includes('$NOTIFY_SOCKET is ignored: `vsock:2:1234` is neither a path nor an abstract name'));
  await sleep(500);
  assert.deepEqual(manager.events, ['READY=1']);
  assert.deepEqual(manager.beats, []);
  assert.equal((await context.request(other, '/')).text, 'here');
});
