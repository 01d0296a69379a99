// Start-up parameters that set something at the target (PGOPTIONS, client_encoding, …), as the SET statements they amount to,
// so that they are judged like ones that are typed.

import { Fault } from '../../src/core/errors.ts';

/** Handled by the gateway itself or without effect on how texts are read or who runs them. */
const own = new Set(['user', 'database', 'replication', 'options']);

/** With this a session says what it is for. */
export const reasonSetting = 'sallyport.reason';

export interface StartupSetting {
  readonly name: string;
  readonly value: string;
}

/** The settings in a start-up packet, in the order in which the server applies them: the last of a name counts. Throws Fault protocol-violation for options that are not settings. */
export function startupSettings(parameters: Readonly<Record<string, string>>): StartupSetting[] {
  const direct = Object.entries(parameters)
    .filter(([name]) => !own.has(name) && !name.startsWith('_pq_.'))
    .map(([name, value]) => ({ name, value }));
  return [...parseOptions(parameters['options'] ?? ''), ...direct];
}

/** The statement that would set the same. */
export function asStatement({ name, value }: StartupSetting): string {
  const words = name.split('.').map((part) => `"${part.replaceAll('"', '""')}"`);
  return `SET ${words.join('.')} TO '${value.replaceAll("'", "''")}'`;
}

/** `-c name=value` and `--name=value`, split at white space with backslash escapes (pg_split_opts of the server). */
function parseOptions(options: string): StartupSetting[] {
  const settings: StartupSetting[] = [];
  const words = splitWords(options);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '-c') settings.push(setting(words[++i] ?? '', options));
    else if (word.startsWith('-c')) settings.push(setting(word.slice(2), options));
    else if (word.startsWith('--')) settings.push(setting(word.slice(2), options));
    else throw new Fault('protocol-violation', `the start-up option "${word}" is not a setting; only -c name=value is passed on`);
  }
  return settings;
}

function setting(text: string, options: string): StartupSetting {
  const equals = text.indexOf('=');
  if (equals < 1) throw new Fault('protocol-violation', `the start-up options "${options}" are not of the form -c name=value`);
  return { name: text.slice(0, equals).replaceAll('-', '_'), value: text.slice(equals + 1) };
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (/[ \t\n\v\f\r]/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? '') + (char === '\\' && i + 1 < text.length ? (text[++i] as string) : char);
    }
  }
  if (word !== null) words.push(word);
  return words;
}
