// Authorities and certificates, made by openssl(1) in a folder of the test's own.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

function openssl(...args) {
  const done = spawnSync('openssl', args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`openssl ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

export class Authority {
  constructor(folder, name = 'authority') {
    this.folder = folder;
    this.name = name;
    this.cert = path.join(folder, `${name}.pem`);
    this.key = path.join(folder, `${name}-key.pem`);
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', `/CN=${name}`,
      '-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', this.key, '-out', this.cert);
  }

  pem() { return fs.readFileSync(this.cert); }

  // `names`: "DNS:a.test,URI:spiffe://mesh/a". `days`: of validity; negative = it has expired. `usage`: "serverAuth"; all by default.
  issue(file, names, { days = 30, subject = file, rsa = false, usage } = {}) {
    const at = (suffix) => path.join(this.folder, file + suffix);
    const kind = rsa ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    openssl('req', '-new', '-newkey', ...kind, '-nodes', '-subj', `/CN=${subject}`, '-keyout', at('-key.pem'), '-out', at('.csr'));
    fs.writeFileSync(at('.ext'), `basicConstraints=critical,CA:FALSE\n${names ? `subjectAltName=${names}\n` : ''}${usage ? `extendedKeyUsage=${usage}\n` : ''}`);
    openssl('x509', '-req', '-in', at('.csr'), '-CA', this.cert, '-CAkey', this.key, '-CAcreateserial', '-days', String(days),
      '-extfile', at('.ext'), '-out', at('.pem'));
    return { cert: at('.pem'), key: at('-key.pem'), pem: fs.readFileSync(at('.pem')), keyPem: fs.readFileSync(at('-key.pem')) };
  }
}
