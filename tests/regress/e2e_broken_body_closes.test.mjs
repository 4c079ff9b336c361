// A malformed trailer got its 400, and then the connection was kept: what followed was read as a new request, though
// nobody can tell where one begins after a body that broke. And answers to broken bodies did not say that they close.
import { assert, assertProblem, gatewayTest } from '../e2e/lib/test.mjs';

for (const [what, body] of [
  ['a malformed trailer', '3\r\nabc\r\n0\r\nX-A : 1\r\n\r\n'],
  ['a malformed chunk', '3\r\nabcdef\r\n0\r\n\r\n'],
]) {
  gatewayTest(`${what}: nothing behind it is read as a request`, async ({ service, gateway, client }) => {
    const urls = [];
    const api = await service(async (req, res) => {
      urls.push(req.url);
      for await (const _ of req);
      res.end();
    });
    const g = await gateway({ services: { api: api.url } });
    const c = await client(g);
    c.send(`POST /api/first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}GET /api/second HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await c.answer();
    assertProblem(answer, 400, 'malformed_request');
    assert.equal(answer.get('connection'), 'close');
    await c.isClosed();
    assert.ok(!urls.includes('/api/second'), String(urls));
  });
}
