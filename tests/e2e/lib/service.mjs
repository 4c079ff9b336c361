// Sample services behind the gateway: Node's HTTP server with a handler, or a bare TCP server for what no HTTP server
// would do.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

// Answers with what arrived, as JSON: the tests compare it with what was sent.
export async function echo(req, res) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of req) {
    hash.update(piece);
    bytes += piece.length;
  }
  const body = JSON.stringify({
    method: req.method,
    url: req.url,
    headers: req.headers,
    raw: req.rawHeaders,
    trailers: req.trailers,
    bytes,
    sha256: hash.digest('hex'),
  });
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(req.method === 'HEAD' ? undefined : body);
}

class Service {
  constructor(server) {
    this.server = server;
    this.sockets = new Set();
    this.connections = 0;  // accepted in all
    server.on('connection', (socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('error', () => {});  // the gateway may reset; the tests look at what it answers
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  async listen(where = { port: 0, host: '127.0.0.1' }) {
    this.server.listen(where);
    await once(this.server, 'listening');
    const address = this.server.address();
    this.port = typeof address === 'string' ? undefined : address.port;
    this.url = typeof address === 'string' ? `unix:${address}` : `http://127.0.0.1:${this.port}`;
    return this;
  }

  dropConnections() {
    for (const socket of this.sockets) socket.destroy();
  }

  async close() {
    const closed = this.server.listening ? once(this.server, 'close') : undefined;
    this.server.close();
    this.dropConnections();
    await closed;
  }
}

// `handler(req, res, service)`; what it throws breaks the connection off.
export async function httpService(handler = echo, where = undefined, options = {}) {
  const server = http.createServer({ keepAliveTimeout: 600_000, requestTimeout: 0, ...options });
  const service = new Service(server);
  service.requests = 0;
  const serve = async (req, res) => {
    service.requests += 1;
    try {
      await handler(req, res, service);
    } catch {
      req.socket.destroy();
    }
  };
  server.on('request', serve);
  server.on('clientError', (_, socket) => socket.destroy());
  if (options.continues !== false) {
    server.on('checkContinue', (req, res) => {
      res.writeContinue();
      serve(req, res);
    });
  } else {
    server.on('checkContinue', serve);
  }
  return service.listen(where);
}

// `handler(socket, service)` gets each connection as it is.
export async function rawService(handler, where = undefined) {
  const service = new Service(net.createServer({ noDelay: true, allowHalfOpen: true }));
  service.server.on('connection', (socket) => {
    socket.on('end', () => socket.end());
    handler(socket, service);
  });
  return service.listen(where);
}

// Until an answer that is written piece by piece takes more, or is broken off.
export function room(res) {
  return new Promise((resolve) => {
    if (res.destroyed) return resolve();
    const done = () => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    return res.on('drain', done).on('close', done);
  });
}

// A raw service that answers every request head it sees with the same bytes (and optionally ends then). Bodies of
// requests are not understood.
export function scripted(bytes, { end = false, reset = false } = {}) {
  return rawService((socket, service) => {
    service.heads = service.heads ?? [];
    let text = '';
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      for (let at; (at = text.indexOf('\r\n\r\n')) >= 0; text = text.slice(at + 4)) {
        service.heads.push(text.slice(0, at));
        socket.write(bytes, 'latin1', () => {
          if (reset) socket.resetAndDestroy();
          else if (end) socket.end();
        });
      }
    });
  });
}

// A port on which nobody listens: it was free a moment ago. Never the same twice: who asks for two, one after the
// other, means to use both.
const given = new Set();
export async function freePort() {
  for (;;) {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}
