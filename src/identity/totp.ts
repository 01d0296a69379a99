// Codes of authenticator apps: TOTP (RFC 6238) with SHA-1, six digits and 30 seconds, which is what every app knows. Pure.

import { createHmac, timingSafeEqual } from 'node:crypto';

export const totpSecretBytes = 20;
const stepMs = 30_000;
/** RFC 6238, 5.2: at most one step for clocks that differ; one more back for a code that was being typed. */
const stepsTaken = [0, -1, 1] as const;

/** The time step whose code this is, near `nowMs`; null when it is none. */
export function totpStep(secret: Buffer, code: string, nowMs: number): number | null {
  const digits = code.replaceAll(/[\s-]/g, '');
  if (!/^\d{6}$/.test(digits)) return null;
  const now = Math.floor(nowMs / stepMs);
  const found = stepsTaken
    .map((offset) => now + offset)
    .filter((step) => timingSafeEqual(Buffer.from(totpCode(secret, step)), Buffer.from(digits)));
  return found[0] ?? null;
}

/** The code of a step (RFC 4226, 5.3). */
export function totpCode(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = (mac[19] ?? 0) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** RFC 4648 base32 without padding, as apps take it typed. */
export function base32(bytes: Buffer): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let bits = 0;
  let value = 0;
  let text = '';
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += letters[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + letters[(value << (5 - bits)) & 31] : text;
}

/** What an app reads, as a link or as a QR code. */
export function otpauthUrl(secret: Buffer, person: string, host: string): string {
  const label = encodeURIComponent(`Sallyport ${host}:${person}`);
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(`Sallyport ${host}`)}`;
}
