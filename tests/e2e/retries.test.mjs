// Reused connections that die, further attempts, and what they may cost.
import { once } from 'node:events';
import { assert, assertProblem, gatewayTest } from './lib/test.mjs';
import { until } from './lib/wait.mjs';
import { freePort } from './lib/service.mjs';

// Requests from a few keep-alive connections, each answer's body checked; returns what went wrong.
async function load(request, g, dispatcher, { total, parallel, method = 'GET', check }) {
  const wrong = [];
  let next = 0;
  const one = async () => {
    while (next < total) {
      const id = next;
      next += 1;
      try {
        const answer = await request(g, `/api/${id}`, { method, body: method === 'GET' ? undefined : `body of ${id}`, dispatcher });
        const trouble = check(answer, id);
        if (trouble) wrong.push(`${id}: ${trouble}`);
      } catch (error) {
        wrong.push(`${id}: ${error.message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, one));
  return wrong;
}

// A service that closes idle connections when it likes: right after an answer, or as the next request arrives. It says
// nothing of it in its headers.
async function fickle(rawService, seen) {
  let dice = 12345;
  const roll = (n) => { dice = (dice * 1103515245 + 12345) % 2147483648; return (dice >> 16) % n; };
  return rawService((socket) => {
    let text = '';
    let answered = 0;
    socket.on('data', (piece) => {
      if (answered > 0 && roll(6) === 0) return socket.resetAndDestroy();  // what was sent is unread
      text += piece.toString('latin1');
      for (;;) {
        const head = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n([^]*?)\r\n\r\n/.exec(text);
        if (!head) return undefined;
        const length = Number(/content-length: (\d+)/i.exec(head[3])?.[1] ?? 0);
        if (text.length < head[0].length + length) return undefined;
        text = text.slice(head[0].length + length);
        seen.set(head[2], (seen.get(head[2]) ?? 0) + 1);
        const body = `${head[1]} ${head[2]}`;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        answered += 1;
        if (roll(4) === 0) socket.end();
      }
    });
  });
}

gatewayTest('a service that closes idle connections at random: no GET fails', async ({ rawService, gateway, agent, request }) => {
  const seen = new Map();
  const api = await fickle(rawService, seen);
  const g = await gateway({ services: { api: { url: api.url, retry: 'off' } } });  // the one retry is outside of it
  const wrong = await load(request, g, agent({ connections: 8 }), {
    total: 4000, parallel: 8, check: (a, id) => (a.status === 200 && a.text === `GET /api/${id}` ? '' : `${a.status} ${a.text}`),
  });
  assert.deepEqual(wrong, []);
  const reuses = await g.metric('gatehouse_upstream_reuses_total');
  assert.ok(reuses > 1000, `connections are reused: ${reuses} times, ${api.connections} connections`);
});

gatewayTest('a POST of which bytes were sent is never sent twice', async ({ rawService, gateway, agent, request }) => {
  const seen = new Map();
  const bytesSeen = new Map();
  // Counts what arrives even where it then resets.
  const api = await rawService((socket) => {
    let text = '';
    let count = 0;
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      const head = /^POST (\S+) HTTP\/1\.1\r\n[^]*?\r\n\r\n(body of \d+)/.exec(text);
      if (!head) return;
      text = '';
      bytesSeen.set(head[1], (bytesSeen.get(head[1]) ?? 0) + 1);
      count += 1;
      if (count % 4 === 0) return void socket.resetAndDestroy();
      seen.set(head[1], true);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${head[1].length}\r\n\r\n${head[1]}`);
      if (count % 7 === 0) socket.end();
    });
  });
  const g = await gateway({ services: { api: { url: api.url, retry: { tries: 5, on: ['connect', 'reset', '503'] } } } });
  let failed = 0;
  const wrong = await load(request, g, agent({ connections: 4 }), {
    total: 800, parallel: 4, method: 'POST', check: (a, id) => {
      if (a.status === 502) { failed += 1; return ''; }
      return a.status === 200 && a.text === `/api/${id}` ? '' : `${a.status} ${a.text}`;
    },
  });
  assert.deepEqual(wrong, []);
  assert.deepEqual([...bytesSeen].filter(([, n]) => n > 1), []);
  assert.ok(failed > 100 && failed < 300, `${failed} were broken off by the service`);
});

gatewayTest('connections that the service has closed are noticed before use: POSTs get through', async ({ service, gateway, agent, request }) => {
  const api = await service();
  const g = await gateway({ services: { api: api.url } });
  const dispatcher = agent({ connections: 1 });
  for (let i = 0; i < 20; i += 1) {
    const answer = await request(g, `/api/${i}`, { method: 'POST', body: 'once', dispatcher });
    assert.equal(answer.json().bytes, 4);
    const [socket] = api.sockets;
    socket.end();
    await once(socket, 'finish');  // its end has left; on the loopback it has arrived
  }
  assert.equal(api.requests, 20);
});

gatewayTest("a service's Keep-Alive: timeout is obeyed less a second", async ({ service, gateway, request }) => {
  const api = await service((req, res) => {
    res.setHeader('keep-alive', 'timeout=2');
    res.end('ok');
  });
  const g = await gateway({ services: { api: api.url } });
  assert.equal((await request(g, '/api')).text, 'ok');
  const begun = Date.now();
  await until('the pooled connection to be closed', () => api.sockets.size === 0, { within: 5000 });
  const took = Date.now() - begun;
  assert.ok(took > 500 && took < 2000, `${took} ms`);
});

gatewayTest('503 is tried once more at another endpoint, safe methods alone', async ({ service, gateway, request }) => {
  const bad = await service((req, res) => { res.statusCode = 503; res.end('busy'); });
  const good = await service((req, res) => res.end('good'));
  const g = await gateway({ services: { api: { url: [bad.url, good.url], balance: 'round', retry: { budget: '100%' } } } });
  for (let i = 0; i < 20; i += 1) assert.equal((await request(g, '/api')).text, 'good');
  let busy = 0;
  for (let i = 0; i < 20; i += 1) {
    const answer = await request(g, '/api', { method: 'POST', body: 'x' });
    assert.ok(['busy', 'good'].includes(answer.text));
    busy += answer.text === 'busy';
  }
  assert.ok(busy >= 5, `${busy} of 20 POSTs saw the 503`);
});

gatewayTest('a dead service does not double the load: retries stay within the budget', async ({ rawService, gateway, agent, request }) => {
  const api = await rawService((socket) => socket.once('data', () => socket.end()));
  const g = await gateway({ services: { api: { url: api.url, retry: { tries: 3 } } } });
  const total = 1500;
  const begun = Date.now();
  const wrong = await load(request, g, agent({ connections: 4 }), {
    total, parallel: 4, check: (a) => { try { assertProblem(a, 502, 'upstream_closed'); return ''; } catch (e) { return e.message; } },
  });
  const seconds = (Date.now() - begun) / 1000;
  assert.deepEqual(wrong.slice(0, 3), []);
  const most = total * 1.2 + 3 * (seconds + 10) + 5;
  assert.ok(api.connections <= most, `${api.connections} attempts for ${total} requests in ${seconds} s; at most ${most}`);
  assert.ok(api.connections > total, 'some retries there are');
  assert.equal(await g.metric('gatehouse_upstream_retries_total'), api.connections - total);
});

gatewayTest('an endpoint that refuses connections is left out; requests do not fail for it', async ({ service, gateway, agent, request }) => {
  const good = await service((req, res) => res.end(req.url));
  const dead = await freePort();
  const g = await gateway({ services: { api: { url: [`http://127.0.0.1:${dead}`, good.url] } } });
  const wrong = await load(request, g, agent({ connections: 4 }), {
    total: 1000, parallel: 4, method: 'POST', check: (a, id) => (a.text === `/api/${id}` ? '' : `${a.status} ${a.text}`),
  });
  assert.deepEqual(wrong, []);
  assert.ok(await g.metric('gatehouse_upstream_connect_failures_total') < 20);
});
