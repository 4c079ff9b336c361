// A test with identity: a gatewayTest with identity providers, after which no credential that it used may stand in
// anything the gateway wrote or said: access log, stderr, metrics, admin API, state folder, problem documents, headers.
import fs from 'node:fs';
import path from 'node:path';
import { Issuer } from './issuer.mjs';
import { OidcProvider } from './oidc.mjs';
import { assert, gatewayTest } from './test.mjs';
import { until } from './wait.mjs';

// Of a flood some are looked for, first and last among them.
const kMost = 400;
const some = (list) => list.filter((_, i) => i % Math.ceil(list.length / kMost) === 0 || i === list.length - 1);

// What of a credential must not be seen: of a token its payload and its signature, each alone.
function telling(credential) {
  const parts = credential.split('.').slice(1).filter((part) => part.length >= 16);
  return [credential, encodeURIComponent(credential), ...parts];
}

function filesIn(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => path.join(f.parentPath, f.name));
}

// Everything that a gateway has said to anybody but the service and the client who sent the credential.
async function saidBy(g) {
  const places = { stderr: g.stderr, stdout: g.stdout, 'access log': fs.existsSync(g.logFile) ? fs.readFileSync(g.logFile, 'utf8') : '' };
  for (const file of filesIn(path.join(g.folder, 'state'))) places[file] = fs.readFileSync(file, 'latin1');
  if (!g.exit) {
    for (const page of ['/metrics', '/keys', '/config', '/routes', '/services', '/readyz', '/version']) places[page] = (await g.admin(page)).text;
  }
  return places;
}

export function identityTest(name, body, options) {
  return gatewayTest(name, async (context) => {
    const refusals = [];
    const secrets = [];
    const providers = [];
    const provider = async (promise) => {
      const made = await promise;
      providers.push(made);
      context.later.push(made.close);
      return made;
    };
    // A request, perhaps with a bearer token.
    const ask = async (g, target = '/api/x', { token, headers = {}, ...rest } = {}) => {
      const answer = await context.request(g, target, { headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers }, ...rest });
      if (answer.status >= 400 && refusals.length < kMost) refusals.push(`${JSON.stringify(answer.headers)} ${answer.text}`);
      return answer;
    };
    // A credential that is no provider's: an API key, a shared secret, a token made by hand.
    const secret = (text) => {
      secrets.push(text);
      return text;
    };
    await body({ ...context, ask, secret, issuer: (o) => provider(Issuer.start(o)), oidc: (o) => provider(OidcProvider.start(o)) });

    const forbidden = [...secrets, ...providers.flatMap((p) => some(p.tokens))].flatMap(telling);
    refusals.forEach((text) => assertSilent('a refusal', text, forbidden));
    for (const g of context.gateways) {
      if (!g.exit) {
        await context.request(g, '/the-last-request');
        await g.logged('the last request', (r) => r.path === '/the-last-request');
      }
      for (const [place, text] of Object.entries(await saidBy(g))) assertSilent(place, text, forbidden);
    }
  }, options);
}

function assertSilent(place, text, forbidden) {
  for (const secret of forbidden) {
    const at = text.indexOf(secret);
    assert.ok(at < 0, `a credential in ${place}: ${text.slice(Math.max(0, at - 80), at + 40)}`);
  }
}

// The challenge of RFC 6750 in a 401 or 403: { realm, error, ... }. Beside it there may be others.
export function challengeOf(answer) {
  const all = [answer.headers['www-authenticate'] ?? []].flat();
  const text = all.find((c) => c.startsWith('Bearer '));
  assert.match(text ?? `none for bearer tokens: ${all}`, /^Bearer [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*$/);
  return Object.fromEntries([...text.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

// The gateway has fetched keys, or has them from the disk: who asks now waits for nothing.
export const haveKeys = (g, count = 1) => until(async () => `${count} keys: ${(await g.admin('/keys')).text}`,
  async () => (await g.metric('gatehouse_issuer_keys')) >= count);
