// Texts that keep PostgreSQL's parser busy for longer than their length tells: its scanner reads on from each beginning of a comment,
// and from each sign in a run of signs. 64 kB of them, which anybody may send, take seconds of the thread that all sessions share.

/** Shorter texts are read soon, whatever is in them. */
const shortUnitsMax = 4096;
/** Characters read again, together: about a tenth of a second. */
const readAgainMax = 32_000_000;
const signs = /[-+*/<>=~!@#%^&|`?]{64,}/g;

/** Whether the text may be parsed where others wait. */
export function isReadSoon(text: string): boolean {
  if (text.length <= shortUnitsMax) return true;
  let readAgain = 0;
  for (let at = text.indexOf('/*'); at !== -1; at = text.indexOf('/*', at + 2)) readAgain += text.length - at;
  for (const [run] of text.matchAll(signs)) readAgain += run.length ** 2;
  return readAgain <= readAgainMax;
}
