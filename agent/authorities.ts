// The authorities that the agent trusts for the gateway, in a file that may be replaced while it runs: read for every dialling. What
// can't be used is told, and the last good ones stay.

import { readFileSync, statSync } from 'node:fs';
import type { Log } from '../src/core/driver.ts';
import { messageOf } from '../src/core/errors.ts';
import { authoritiesProblem } from '../src/core/pem-files.ts';

/** A bundle of all that there are is a quarter of that; anything larger is the wrong file. */
const fileBytesMax = 1024 ** 2;

/** Gives the PEM text to trust now. Throws an Error in words when the file can't be used at the start. */
export function authoritiesIn(file: string, log: Log): () => string {
  let good = read(file);
  let told = '';
  return () => {
    try {
      good = read(file);
      told = '';
    } catch (thrown) {
      const words = messageOf(thrown);
      if (words !== told) log.warn({}, `${words}; the last good one stays`);
      told = words;
    }
    return good;
  };
}

function read(file: string): string {
  let pem: string;
  try {
    const stat = statSync(file);
    if (!stat.isFile()) throw new Error('it is no file');
    if (stat.size > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`);
    pem = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new Error(`--ca ${file}: can't be read: ${messageOf(thrown)}`, { cause: thrown });
  }
  const problem = authoritiesProblem(pem);
  if (problem !== null) throw new Error(`--ca ${file}: ${problem}`);
  return pem;
}
