// A machine of the test's own: what it starts sees a loopback interface and nothing else, may listen on every port, and
// reads another /etc/resolv.conf.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './gatehouse.mjs';

const kInside = 'GATEHOUSE_TEST_NAMESPACE';
const kEnter = process.getuid() === 0 ? ['--net', '--mount'] : ['--user', '--map-root-user', '--net', '--mount'];
const kSetUp = 'ip link set lo up && exec "$@"';

// True inside. Outside, the test file is run once more in there, under the same runner, and this process ends with it;
// false where namespaces are not permitted: `name` is then a skipped test.
export function inNamespace(url, name) {
  if (process.env[kInside]) return true;
  const unshare = (...command) => spawnSync('unshare', [...kEnter, 'sh', '-c', kSetUp, 'sh', ...command],
    { stdio: 'inherit', env: { ...process.env, [kInside]: '1' } });
  if (unshare('true').status !== 0) {
    console.log(`skipped: ${name}: this user may not make network and mount namespaces`);
    test(name, { skip: 'namespaces are not permitted' }, () => {});
    return false;
  }
  const { status } = unshare(process.execPath, ...process.execArgv, fileURLToPath(url));
  process.exit(status ?? 1);
}

// In this namespace only.
export function useResolvConf(text) {
  const folder = temporaryFolder();
  const file = path.join(folder, 'resolv.conf');
  fs.writeFileSync(file, text);
  const { status } = spawnSync('mount', ['--bind', file, '/etc/resolv.conf'], { stdio: 'inherit' });
  fs.rmSync(folder, { recursive: true });  // the mount keeps the file
  if (status !== 0) throw new Error('/etc/resolv.conf cannot be another file');
}
