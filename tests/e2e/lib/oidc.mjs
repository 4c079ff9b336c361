// A real identity provider, npm `oidc-provider`, on loopback: access tokens in the form of RFC 9068 for the resource
// `api`, to a client with a secret (client_credentials).
import { once } from 'node:events';
import http from 'node:http';
import { exportJWK } from 'jose';
import { request } from 'undici';
import { makeKey } from './issuer.mjs';
import { freePort } from './service.mjs';

const kResource = 'urn:gatehouse:api';
const kClient = { id: 'robot', secret: 'robot-secret-robot-secret-robot-secret' };

// It warns of each default that a product would not keep, and that it is not used from a folder of its own.
async function quietly(make) {
  const kept = [console.info, console.warn];
  console.info = console.warn = () => {};
  try {
    return await make();
  } finally {
    [console.info, console.warn] = kept;
  }
}

export class OidcProvider {
  static async start({ alg = 'RS256' } = {}) {
    const self = new OidcProvider();
    const port = await freePort();
    self.url = `http://127.0.0.1:${port}`;
    self.audience = kResource;
    self.client = kClient;
    self.tokens = [];
    self.keys = [];
    await self.rotate({ alg, keep: 0 });
    self.server = http.createServer((req, res) => self.serve(req, res));
    self.server.listen(port, '127.0.0.1');
    await once(self.server, 'listening');
    return self;
  }

  // A new key signs from now on; the last `keep` ones stay in the set.
  async rotate({ alg = 'RS256', keep = 1 } = {}) {
    const key = await makeKey(alg);
    const jwk = { ...await exportJWK(key.privateKey), kid: key.kid, alg, use: 'sig' };
    this.keys = [{ ...key, private: jwk }, ...this.keys.slice(0, keep)];
    await this.#begin(alg);
    return key;
  }

  async #begin(alg) {
    const { Provider } = await import('oidc-provider');
    const provider = await quietly(() => new Provider(this.url, {
      clients: [{ client_id: kClient.id, client_secret: kClient.secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
        ...(alg === 'RS256' ? {} : { id_token_signed_response_alg: alg }) }],
      enabledJWA: { idTokenSigningAlgValues: [alg] },
      jwks: { keys: this.keys.map((k) => k.private) },
      cookies: { keys: ['of the test'] },
      ttl: { ClientCredentials: 300 },
      scopes: ['orders:read', 'orders:write'],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => kResource,
          getResourceServerInfo: () => ({
            scope: 'orders:read orders:write', audience: kResource, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg } },
          }),
        },
      },
      extraTokenClaims: () => ({ tier: 'gold', groups: ['staff', 'night'] }),
    }));
    this.serve = provider.callback();
  }

  async token(scope = 'orders:read') {
    const res = await request(`${this.url}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${kClient.id}:${kClient.secret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: String(new URLSearchParams({ grant_type: 'client_credentials', scope, resource: kResource })),
    });
    const answer = await res.body.json();
    if (!answer.access_token) throw new Error(`no token: ${JSON.stringify(answer)}`);
    this.tokens.push(answer.access_token);
    return answer.access_token;
  }

  close = async () => {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  };
}
