// A second judge: every token of the attack table of src/jose (attacks_test.cc), and every twin that must be accepted,
// is given to npm `jose`. What it refuses we refuse. Where we are stricter, the token stands below with the reason.
// GATEHOUSE_JOSE_TEST: the test program that writes the table (default: beside the gateway under test).
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createLocalJWKSet, errors, importJWK, jwtVerify } from 'jose';
import { kBinary, temporaryFolder } from './lib/gatehouse.mjs';
import { assert } from './lib/test.mjs';

const kProgram = process.env.GATEHOUSE_JOSE_TEST ?? path.join(path.dirname(kBinary), 'src/jose/jose_test');
const kAsymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const kExpected = { issuer: 'https://issuer.example', audience: 'api', clockTolerance: 60, currentDate: new Date(1_796_000_000_000), requiredClaims: ['exp'] };

// Why we are stricter, and in what: names in the table.
const kStricter = new Map(Object.entries({
  'RFC 7518 section 3.2: a key of at least the size of the hash': ['HS512 by a secret of 256 bits', 'HS256 by a secret of 248 bits'],
  'RFC 7797: `b64` without `crit` is still no JWT': ['b64 is false', 'b64 is true', 'b64 is 0', 'b64 is null'],
  'RFC 7515 section 4.1.9: `typ` is a string': ['typ is a number', 'typ is null'],
  'RFC 7515 section 4, RFC 7519 section 4: no member twice, so that no two readers see two things': [
    'a set with a member twice', 'a key with a member twice', 'payload: iss twice', 'payload: iss twice, once with an escape', 'payload: sub twice, alike',
    'payload: exp twice', 'payload: a member twice, deep inside', 'header: alg twice', 'header: a member twice, deep inside'],
  'RFC 7515 section 2: base64url has one spelling; another would be another token to who compares, caches or revokes': [
    'RSA with padding in its exponent', 'RSA with padding in its modulus', 'RSA with a space in its modulus', 'padding behind the signature', 'a space behind',
    'a line feed behind', 'a space in the payload', 'a line feed in the header', 'a line feed in the signature', 'unused bits of the signature'],
  'RFC 7518 section 6.2.1.2: a coordinate has the size of the curve': ['EC with a coordinate too long'],
  'RFC 8017 section 8.1.2: a signature is as long as the modulus; a shorter spelling would be another token': ['PS256: its leading zero left out'],
  'RFC 8259: texts are UTF-8 without a byte order mark or half characters': [
    'payload: half a character', 'payload: the other half of a character', 'payload: a byte order mark', 'header: half a character in a name'],
  'sizes are bounded': ['more than the limit', 'payload: nested to 17', 'payload: nested to 3000', 'header: nested to 17'],
  'a number that we cannot hold is not guessed at': ['payload: an integer of 20 digits', 'payload: a number beyond all bounds', 'claims: exp is 99999999999999999999'],
  'RFC 7519 section 4.1.3: an audience is a string or a list of strings': ['claims: audience is ["api",1]'],
  'issued in the future: a clock is wrong, or it is made up': ['claims: iat 3999999999', 'claims: iat 1796000060.5', 'claims: iat 1e300', 'claims: iat 18446744073709551615'],
  'RFC 7800: its sender would have to prove more, and cannot here': [
    'claims: cnf {"jkt":"x"}', 'claims: cnf {"x5t#S256":"x"}', 'claims: cnf {}', 'claims: cnf null'],
}).flatMap(([reason, names]) => names.map((name) => [name, reason])));

async function accepts({ token, jwk, jwks }) {
  const keys = jwks === undefined ? [JSON.parse(jwk)] : JSON.parse(jwks).keys;
  const secret = keys.length === 1 && keys[0].kty === 'oct';
  const key = secret ? await importJWK(keys[0], 'HS256') : createLocalJWKSet({ keys });
  const options = { ...kExpected, algorithms: secret ? ['HS256', 'HS384', 'HS512'] : kAsymmetric };
  try {
    await jwtVerify(token, key, options);
    return true;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return false;
    for await (const one of error) if (await jwtVerify(token, one, options).then(() => true, () => false)) return true;
    return false;
  }
}

const missing = !fs.existsSync(kProgram) && `there is no ${kProgram}`;
if (missing) console.log(`skipped: the attack table: ${missing}`);

test('npm jose accepts nothing that we refuse without a reason, and refuses nothing that we accept', { skip: missing }, async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'attacks');
  const made = spawnSync(kProgram, ['--gtest_filter=Attacks.Export'], { encoding: 'utf8', env: { ...process.env, GATEHOUSE_JOSE_ATTACKS: file } });
  assert.equal(made.status, 0, made.stdout + made.stderr);
  const rows = fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  fs.rmSync(folder, { recursive: true });
  assert.ok(rows.length >= 100 && rows.some((r) => r.accepted), `${rows.length} tokens`);
  const laxer = [];
  const stricter = [];
  for (const row of rows) {
    const second = await accepts(row).catch(() => false);
    if (row.accepted && !second) laxer.push(row.name);
    if (!row.accepted && second) stricter.push(row.name);
  }
  assert.deepEqual(laxer, [], 'accepted here, refused by npm jose');
  assert.deepEqual(stricter.filter((name) => !kStricter.has(name)), [], 'refused here, accepted by npm jose, for no reason that is written down');
  assert.deepEqual([...kStricter.keys()].filter((name) => !stricter.includes(name)), [], 'no longer so');
  console.log(`${rows.length} tokens, ${rows.filter((r) => r.accepted).length} to be accepted; stricter than npm jose in ${stricter.length}`);
});
