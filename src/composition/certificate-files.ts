// Follows the files of the gateway's own certificate: who renews it replaces them, and need not know the gateway. What does not fit
// together, or can't be read, is told and changes nothing.

import { stat } from 'node:fs/promises';
import { rereadTls } from '../config/read-tls.ts';
import type { Config, TlsConfig } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import { ServerTls } from '../core/server-tls.ts';
import { certificateWarning } from './start-warnings.ts';
import type { Teardown } from './teardown.ts';

/** Looking, and not watching: files are replaced through symbolic links of several steps (certbot, Kubernetes), which watching misses. */
const lookEveryMs = 2_000;
const warnEveryMs = 86_400_000;

/** The gateway's own certificate, which follows its files; null: the gateway has none. Throws an Error when OpenSSL can't use it. */
export function openTls({ tls: files }: Config, parts: { readonly clock: Clock; readonly log: Log }, down: Teardown): ServerTls | null {
  if (files === null) return null;
  const tls = new ServerTls({ certificate: files.certificate, key: files.key.reveal() });
  const following = followCertificateFiles({ ...parts, files, tls });
  down.add(() => following.close());
  return tls;
}

interface CertificateFilesParts {
  readonly files: TlsConfig;
  readonly tls: ServerTls;
  readonly clock: Clock;
  readonly log: Log;
}

/** Starts following. The certificate in use is warned about now, and once a day, when it ends soon. */
function followCertificateFiles({ files, tls, clock, log }: CertificateFilesParts): { close(): void } {
  let isClosed = false;
  let isLooking = false;
  let taken = '';
  /** Certificate and key are two files: only what is still wrong at the next look is told. */
  let wrong = '';
  let told = '';
  let warnedAtMs = 0;

  function take(stamp: string): void {
    try {
      const { certificate, key } = rereadTls(files);
      if (certificate !== tls.current.pem.certificate || key.reveal() !== tls.current.pem.key) {
        tls.replace({ certificate, key: key.reveal() });
        log.info({ until: tls.current.certificate.validToDate.toISOString() }, "the gateway's certificate was replaced");
        warn();
      }
      taken = stamp;
    } catch (thrown) {
      if (wrong === stamp && told !== stamp) {
        told = stamp;
        log.warn({ err: messageOf(thrown) }, "the gateway's new certificate can't be used: the last good one stays");
      }
      wrong = stamp;
    }
  }

  function warn(): void {
    warnedAtMs = clock.monotonicMs();
    const words = certificateWarning(tls.current.certificate, clock.nowMs());
    if (words !== null) log.warn({}, words);
  }

  async function look(): Promise<void> {
    if (isLooking) return; // a file system that stands still
    isLooking = true;
    const stamps = await Promise.all([files.certificateFile, files.keyFile].map(stampOf));
    isLooking = false;
    if (isClosed) return;
    const stamp = stamps.join(' ');
    if (stamp !== taken) take(stamp);
    if (clock.monotonicMs() - warnedAtMs >= warnEveryMs) warn();
  }

  warn();
  const timer = setInterval(() => void look(), lookEveryMs).unref(); // never rejects
  return {
    close: () => {
      isClosed = true;
      clearInterval(timer);
    },
  };
}

/** Other content has another one. */
async function stampOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file);
    return `${ino}-${size}-${mtimeMs}-${ctimeMs}`;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
