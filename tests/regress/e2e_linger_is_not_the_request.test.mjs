// After a refused request the gateway waits a while for the client to close, so that its answer is not lost. That time
// was counted as the request's: it stood in `total`, and its record came late.
import { assert, gatewayTest } from '../e2e/lib/test.mjs';

gatewayTest('the record of a refused request does not wait for the client to close', async ({ service, gateway, client }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const c = await client(g);
  const begun = Date.now();
  c.send('GET /api HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
  assert.equal((await c.answer()).status, 400);
  const record = await g.logged('the refusal', (r) => r.status === 400);
  assert.ok(record.total < 1, JSON.stringify(record));
  assert.ok(Date.now() - begun < 1900, 'it came before the linger had ended');
});
