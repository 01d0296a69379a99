// Turns the settings that the server confirmed into what the lexer and the classifier need to know of a session.
// A setting that makes the server's reading unknowable gives a problem, never a guess.

import type { ReadingMode } from '../../../src/core/action.ts';
import type { Problem } from '../../../src/core/classification.ts';
import type { LexMode } from './lexer.ts';

export interface SqlMode extends LexMode {
  readonly flavour: 'mysql' | 'mariadb' | null;
  /** Of the server, as 110809 for 11.8.9; 0 when it is not known. */
  readonly version: number;
  readonly pipesAsConcat: boolean;
  readonly ignoreSpace: boolean;
  /** Current database, or null. */
  readonly database: string | null;
  /** True when the server compares table names without case. */
  readonly foldsNames: boolean;
  /** True for utf8, utf8mb3 and utf8mb4: every character from 0x80 is a letter. */
  readonly unicode: boolean;
  readonly charset: string;
  /** Modes as the server reported them, upper case. */
  readonly sqlModes: ReadonlySet<string>;
  /** What the session's user variables are, as `@name`: for texts that put settings back to them, where the driver has asked. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Modes under which MariaDB parses another language, or that stand for a bundle of modes. */
const foreignModes = ['ORACLE', 'MSSQL', 'DB2', 'MAXDB', 'POSTGRESQL'];

/** Modes that change how a text is read. */
export const readingModes: ReadonlySet<string> = new Set([
  ...foreignModes,
  'ANSI',
  'ANSI_QUOTES',
  'NO_BACKSLASH_ESCAPES',
  'PIPES_AS_CONCAT',
  'IGNORE_SPACE',
  'HIGH_NOT_PRECEDENCE',
  'EMPTY_STRING_IS_NULL',
]);

/** One byte is one character and the ASCII range is ASCII: quotes and backslashes are what they seem. */
const singleByteCharsets = new Set(
  (
    'latin1 latin2 latin5 latin7 ascii binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 hp8 koi8r koi8u greek hebrew armscii8 ' +
    'keybcs2 macce macroman geostd8 tis620'
  ).split(' '),
);
const unicodeCharsets = new Set(['utf8', 'utf8mb3', 'utf8mb4']);

/** True when text in that character set can be read without surprises. */
export function isSafeCharset(name: string): boolean {
  return unicodeCharsets.has(name) || singleByteCharsets.has(name);
}

/** The mode in which a server would read a prepared text again, where the session's settings have changed since; else null. */
export function rereadMode(mode: ReadingMode): ReadingMode | null {
  const now = Object.entries(mode.settings).filter(([name]) => name.startsWith('now.'));
  if (now.length === 0) return null;
  return { ...mode, settings: { ...mode.settings, ...Object.fromEntries(now.map(([name, value]) => [name.slice('now.'.length), value])) } };
}

/** Every character from 0x80 is a letter. */
export function isUnicodeCharset(name: string): boolean {
  return unicodeCharsets.has(name);
}

/** The mode a text is read in, or why it can't be known. */
export function sqlModeOf(mode: ReadingMode, text: string): SqlMode | Problem {
  const settings = mode.settings;
  const reported = settings['sql_mode'];
  if (reported === undefined && /["\\]/.test(text)) {
    return ambiguous("the session's sql_mode is not known, and the text has quotes or backslashes that depend on it");
  }
  const sqlModes = new Set((reported ?? '').toUpperCase().split(',').filter(Boolean));
  if (foreignModes.some((it) => sqlModes.has(it))) return ambiguous("the session's sql_mode makes the server speak another language");
  const charset = (settings['character_set_client'] ?? 'unknown').toLowerCase();
  const unicode = unicodeCharsets.has(charset);
  if (!unicode && !singleByteCharsets.has(charset) && hasNonAscii(text)) {
    return { kind: 'encoding', message: `text in character set ${charset} can hide quotes`, offset: null };
  }
  const flavour = settings['flavour'];
  return {
    ansiQuotes: sqlModes.has('ANSI_QUOTES') || sqlModes.has('ANSI'),
    noBackslashEscapes: sqlModes.has('NO_BACKSLASH_ESCAPES'),
    pipesAsConcat: sqlModes.has('PIPES_AS_CONCAT') || sqlModes.has('ANSI'),
    ignoreSpace: sqlModes.has('IGNORE_SPACE') || sqlModes.has('ANSI'),
    flavour: flavour === 'mysql' || flavour === 'mariadb' ? flavour : null,
    version: versionOf(settings['server_version'] ?? ''),
    database: settings['database'] ?? null,
    foldsNames: (settings['lower_case_table_names'] ?? '0') !== '0',
    unicode,
    charset,
    sqlModes,
    variables: settings,
  };
}

function versionOf(text: string): number {
  const [, major = '0', minor = '0', patch = '0'] = /^(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
}

export function isProblem(value: SqlMode | Problem): value is Problem {
  return 'message' in value;
}

function ambiguous(message: string): Problem {
  return { kind: 'ambiguous-mode', message, offset: null };
}

export function hasNonAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 128) return true;
  return false;
}
