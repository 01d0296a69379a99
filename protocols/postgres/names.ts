// Names of prepared statements and portals as the server tells them apart. It cuts them at 63 bytes, so two long names can be
// one, and converts them from the client's encoding, so one name can have two spellings. A name that can be read in two ways
// would let one statement run under the judgement of another: only plain ASCII names are kept.

import { Fault } from '../../src/core/errors.ts';

/** NAMEDATALEN - 1. */
const nameBytesMax = 63;

/** A name from a wire message. Throws Fault protocol-violation for one with other than ASCII characters: no driver makes such. */
export function wireName(raw: string): string {
  if (!isAscii(raw)) throw new Fault('protocol-violation', 'names of prepared statements and portals must be plain ASCII');
  return raw.length > nameBytesMax ? raw.slice(0, nameBytesMax) : raw;
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
