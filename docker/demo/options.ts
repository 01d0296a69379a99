// What the demo was asked for on its command line.

import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** One line of JSON instead of words. */
  readonly json: boolean;
  readonly dataDir: string;
}

export const checkout = join(import.meta.dirname, '../..');

/** Throws an Error with words for options that do not exist. */
export function readOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean', default: false }, data: { type: 'string' } },
    strict: true,
    allowPositionals: false,
  });
  // npm runs scripts in the checkout; a relative directory is meant from where the person stands.
  const standing = process.env['INIT_CWD'] ?? process.cwd();
  return { json: values.json, dataDir: values.data === undefined ? join(checkout, 'data') : resolve(standing, values.data) };
}
