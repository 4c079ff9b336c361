// Commands sent `Host: ::1:9900`, without brackets, which is no host: the gateway answered 400 to every one of them.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { assert, gatewayTest } from '../e2e/lib/test.mjs';
import { kBinary, kToken } from '../e2e/lib/gatehouse.mjs';
import { until } from '../e2e/lib/wait.mjs';

const kName = 'commands reach an admin API on an IPv6 address';
const addresses = fs.existsSync('/proc/net/if_inet6') ? fs.readFileSync('/proc/net/if_inet6', 'utf8') : '';
if (!/^0{31}1 /m.test(addresses)) {
  test(kName, { skip: 'there is no ::1' }, () => {});
} else {
  gatewayTest(kName, async ({ gateway }) => {
    const g = await gateway(undefined, {
      ready: false,
      text: (self) => JSON.stringify({ ...self.complete({}), admin: { bind: '::1', port: self.adminPort, token: kToken } }),
    });
    const reload = (...more) => spawnSync(kBinary, ['reload', ...more], { encoding: 'utf8', cwd: g.folder });
    let r;
    await until(() => `the command to reach it: ${r.stdout}${r.stderr}`, () => (r = reload()).status === 0);
    r = reload('--admin', `[::1]:${g.adminPort}`);
    assert.equal(r.status, 0, r.stderr);
    await g.stop();
  });
}
