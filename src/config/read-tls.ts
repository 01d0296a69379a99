// A certificate and its key, as PEM files: read, and held against each other. The gateway's own are read again while it runs, by the
// same checks.

import { Fault } from '../core/errors.ts';
import { pairProblem } from '../core/pem-files.ts';
import type { Secret } from '../core/secret.ts';
import type { TlsConfig } from './config.ts';
import { ConfigDocument } from './document.ts';
import type { ValuePath } from './document.ts';
import { ConfigFiles } from './files.ts';
import type { Parts } from './validate.ts';

export function readTls(document: ConfigDocument, files: ConfigFiles, { tls }: Pick<Parts, 'tls'>): TlsConfig | null {
  if (tls === undefined) return null;
  const certificate = files.pem(tls.certificate, ['tls', 'certificate'], 'CERTIFICATE');
  const key = files.privateKey(tls.key, ['tls', 'key']);
  if (certificate === undefined || key === undefined) return null;
  checkPair(document, certificate, key, ['tls']);
  return { certificateFile: files.absolute(tls.certificate), keyFile: files.absolute(tls.key), certificate, key };
}

/** What the same files hold now. Throws Fault config-invalid in words. */
export function rereadTls({ certificateFile, keyFile }: TlsConfig): TlsConfig {
  const document = new ConfigDocument('');
  const files = new ConfigFiles(document, certificateFile, {});
  const read = readTls(document, files, { tls: { certificate: certificateFile, key: keyFile } });
  if (read !== null && document.problems.length === 0) return read;
  throw new Fault('config-invalid', document.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
}

/** Notes when certificate or key can't be read, or don't belong together. */
export function checkPair(document: ConfigDocument, certificate: string, key: Secret, at: ValuePath): void {
  const problem = pairProblem(certificate, key.reveal());
  if (problem !== null) document.problem([...at, problem.of], problem.words);
}
