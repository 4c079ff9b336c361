// An identity provider of the test's own: what it serves, how, and when is up to the test. Tokens are signed by npm
// `jose`. It writes down every fetch, and every token that it made.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { freePort } from './service.mjs';

export const kAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
export const seconds = () => Math.floor(Date.now() / 1000);

let made = 0;

// `kid: null`: it has none. `members`: more of the public JWK.
export async function makeKey(alg = 'ES256', { kid, members = {} } = {}) {
  made += 1;
  const name = kid === undefined ? `key-${made}` : kid;
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const bare = await exportJWK(publicKey);
  const jwk = { ...bare, ...(name === null ? {} : { kid: name }), alg, use: 'sig', ...members };
  return { kid: name, alg, privateKey, publicKey, jwk, thumbprint: await calculateJwkThumbprint(bare) };
}

// A compact JWS over these claims; `header` may say what it likes.
export async function sign(claims, { privateKey, alg, kid, header = {} }) {
  return new SignJWT(claims).setProtectedHeader({ alg, ...(kid == null ? {} : { kid }), typ: 'at+jwt', ...header }).sign(privateKey);
}

// What a provider may do wrong: `(res, text)`, where `text` is what it should have said.
export const kTroubles = {
  'an error': (res) => { res.statusCode = 500; res.end('{"error": "server_error"}'); },
  'not found': (res) => { res.statusCode = 404; res.end('no'); },
  'broken JSON': (res, text) => res.end(`${text.slice(0, -1)},`),
  'a web page': (res) => { res.setHeader('content-type', 'text/html'); res.end('<html><body>Sign in</body></html>'); },
  'nothing': (res) => res.end(),
  'another shape': (res) => res.end('[]'),
  'no keys': (res) => res.end('{"keys": []}'),
  'no usable key': (res) => res.end('{"keys": [{"kty": "RSA", "kid": "x"}, {"kty": "oct", "k": "AAAA"}, 7]}'),
  'too much': (res, text) => res.end(`${text.slice(0, -1)}, "padding": "${'x'.repeat(4_000_000)}"}`),
  'a redirect': (res) => { res.statusCode = 302; res.setHeader('location', '/elsewhere'); res.end(); },
  'an answer cut short': (res, text) => { res.setHeader('content-length', text.length + 10); res.write(text, () => res.destroy()); },
  'a broken connection': (res) => res.destroy(),
  'no answer': () => {},
};

export class Issuer {
  // `listening: false`: nobody listens until up(). `secure`: a certificate with its key; then the URLs are https.
  static async start({ secure, path = '', audience = 'api', listening = true, keys } = {}) {
    const self = new Issuer();
    self.port = await freePort();
    self.origin = `${secure ? 'https' : 'http'}://127.0.0.1:${self.port}`;
    Object.assign(self, { secure, path, audience });
    self.url = `${self.origin}${path}`;
    self.wellKnown = `${path}/.well-known/openid-configuration`;
    self.keys = keys ?? [await makeKey()];
    self.fetches = [];  // { at, path, failed }
    self.delay = 0;     // ms before each answer
    self.failEvery = 0; // every Nth fetch of the keys is answered with 500
    self.trouble = {};  // { keys, document }: one of kTroubles
    self.headers = {};  // of the answer with the keys
    self.document = { issuer: self.url, jwks_uri: `${self.url}/jwks` };
    self.tokens = [];
    self.sockets = new Set();
    if (listening) await self.up();
    return self;
  }

  async up() {
    const handler = (req, res) => this.#serve(req, res).catch(() => res.destroy());
    this.server = this.secure
      ? https.createServer({ cert: this.secure.pem, key: this.secure.keyPem }, handler)
      : http.createServer(handler);
    this.server.on(this.secure ? 'secureConnection' : 'connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.server.on('tlsClientError', () => {});
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async down() {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
  close = () => this.down();

  async #serve(req, res) {
    const fetch = { at: performance.now(), path: req.url, failed: false };
    this.fetches.push(fetch);
    const which = { [this.wellKnown]: 'document', [`${this.path}/jwks`]: 'keys', '/elsewhere': 'elsewhere' }[req.url];
    // A slow answer says what there was when it was asked for: the worse case.
    const text = JSON.stringify(which === 'document' ? this.document : { keys: this.keys.map((k) => k.jwk) });
    if (this.delay) await sleep(this.delay);
    let trouble = this.trouble[which];
    if (which === 'keys' && this.failEvery && this.fetchesOf('keys').length % this.failEvery === 0) trouble = 'an error';
    if (!which) trouble = 'not found';
    fetch.failed = Boolean(trouble);
    res.setHeader('content-type', 'application/json');
    if (trouble) return kTroubles[trouble](res, text);
    if (which === 'keys') for (const [name, value] of Object.entries(this.headers)) res.setHeader(name, value);
    return res.end(text);
  }

  // 'keys' or 'document'.
  fetchesOf(which) {
    return this.fetches.filter((f) => f.path === (which === 'keys' ? `${this.path}/jwks` : this.wellKnown));
  }

  get key() { return this.keys.at(-1); }

  async add(alg, options) {
    const key = await makeKey(alg, options);
    this.keys = [...this.keys, key];
    return key;
  }

  // The rude way: the new key is there, and all others are gone, at once.
  async replace(alg = this.key.alg, options = undefined) {
    const key = await makeKey(alg, options);
    this.keys = [key];
    return key;
  }

  remove(key) { this.keys = this.keys.filter((k) => k !== key); }

  claims(more = {}) {
    const now = seconds();
    return { iss: this.url, aud: this.audience, sub: 'ann', iat: now, exp: now + 300, ...more };
  }

  // A token by the newest key, or `key`. A claim that is undefined is left out.
  async token(claims = {}, { key = this.key, alg = key.alg, kid = key.kid, header = {} } = {}) {
    return this.remember(await sign(this.claims(claims), { privateKey: key.privateKey, alg, kid, header }));
  }

  remember(token) {
    this.tokens.push(token);
    return token;
  }
}

// Tokens that are all right but for a key that nobody has: each names another. Costs no signature.
export function tokensOfUnknownKeys(issuer) {
  const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = text(issuer.claims());
  return () => issuer.remember(`${text({ alg: 'ES256', typ: 'at+jwt', kid: randomUUID() })}.${body}.${randomBytes(64).toString('base64url')}`);
}
