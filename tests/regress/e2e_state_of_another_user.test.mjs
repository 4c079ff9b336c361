// A state folder of another user is a warning, but the token in it, which is refused because it is another user's,
// stopped the start.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assert, gatewayTest } from '../e2e/lib/test.mjs';
import { kToken } from '../e2e/lib/gatehouse.mjs';

const kName = 'a state folder of another user is a warning, and its token is not used';
if (process.getuid() !== 0) {
  test(kName, { skip: 'only root can make one' }, () => {});
} else {
  gatewayTest(kName, async ({ gateway }) => {
    const theirs = 'x'.repeat(64);
    for (const token of [kToken, undefined]) {
      const g = await gateway(undefined, {
        text: (self) => {
          const state = path.join(self.folder, 'state');
          fs.mkdirSync(state, { mode: 0o755 });
          fs.writeFileSync(path.join(state, 'admin-token'), `${theirs}\n`, { mode: 0o600 });
          for (const name of [state, path.join(state, 'admin-token')]) fs.chownSync(name, 12345, 12345);
          const config = self.complete({ routes: [{ path: '/', reply: { status: 200 } }] });
          return JSON.stringify({ ...config, admin: { port: self.adminPort, ...(token && { token }) } });
        },
      });
      assert.match(g.stderr, /warning: the state folder .* cannot be written to \(it belongs to another user\)/);
      assert.match(g.stderr, /warning: .*admin-token is refused: it belongs to another user/);
      assert.equal(/nobody knows the admin API's token/.test(g.stderr), token === undefined);
      assert.equal((await g.admin('/config', { token: theirs })).status, 401);
    }
  });
}
