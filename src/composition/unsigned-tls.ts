// A certificate that the gateway makes for itself when it is given none, as a MariaDB server does: MariaDB's clients insist on TLS, and
// know this certificate for the gateway's by what the token vouches for. Made anew at each start and kept nowhere. DER as X.690 and
// RFC 5280 write it, no more of it than this one certificate needs.

import { generateKeyPairSync, sign } from 'node:crypto';
import type { Clock, Random } from '../core/clock.ts';
import { ServerTls } from '../core/server-tls.ts';

const name = 'made by sallyport for itself';
/** A clock that is a bit behind finds it valid, too. */
const beforeMs = 86_400_000;
/** No gateway runs as long without a restart. */
const lifeMs = 3_650 * 86_400_000;
const serialBytes = 16;

const tag = { integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, utf8: 0x0c, utcTime: 0x17, sequence: 0x30, set: 0x31 };
/** Context-specific: the version, and the extensions (RFC 5280, 4.1). */
const versionTag = 0xa0;
const extensionsTag = 0xa3;
/** In a subjectAltName. */
const dnsNameTag = 0x82;

const oid = {
  ecdsaWithSha256: Buffer.from('2a8648ce3d040302', 'hex'),
  commonName: Buffer.from('550403', 'hex'),
  subjectAltName: Buffer.from('551d11', 'hex'),
};

export function makeUnsignedTls({ clock, random }: { readonly clock: Clock; readonly random: Random }): ServerTls {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(tag.sequence, der(tag.oid, oid.ecdsaWithSha256));
  const self = der(tag.sequence, der(tag.set, der(tag.sequence, der(tag.oid, oid.commonName), der(tag.utf8, Buffer.from(name)))));
  const nowMs = clock.nowMs();
  const serial = random.bytes(serialBytes);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0); // positive, and no shorter than it could be
  const names = der(tag.sequence, der(dnsNameTag, Buffer.from('localhost')));
  const signed = der(
    tag.sequence,
    der(versionTag, der(tag.integer, Buffer.of(2))), // v3
    der(tag.integer, serial),
    algorithm,
    self,
    der(tag.sequence, time(nowMs - beforeMs), time(nowMs + lifeMs)),
    self,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(extensionsTag, der(tag.sequence, der(tag.sequence, der(tag.oid, oid.subjectAltName), der(tag.octetString, names)))),
  );
  const signature = sign('sha256', signed, { key: privateKey, dsaEncoding: 'der' });
  const certificate = der(tag.sequence, signed, algorithm, der(tag.bitString, Buffer.of(0), signature));
  const lines = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return new ServerTls({
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  });
}

/** UTCTime, YYMMDDHHMMSSZ, which stands for the years up to 2049 (RFC 5280, 4.1.2.5.1). */
function time(ms: number): Buffer {
  return der(tag.utcTime, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));
}

function der(type: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(type), lengthOf(content.length), content]);
}

/** Short up to 127; else the number of its bytes, then these. */
function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
}
