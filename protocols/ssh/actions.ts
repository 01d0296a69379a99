// What people do over SSH as submissions. Commands are left to the classifier; what the protocol itself says exactly (a file
// operation, a forward, a variable) is classified here, by a fixed table.

import { createHash } from 'node:crypto';
import type { ActionKind } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Submission } from '../../src/core/session.ts';
import { classificationOf } from '../../src/core/summary.ts';

/** Judged as text, by the classifier. `terminal` changes how it is read: pagers start programs there. */
export function command(text: string, terminal: boolean): Submission {
  const value = terminal ? 'on' : 'off';
  return submission('command', text, null, { key: value, settings: { terminal: value }, catalogue: null });
}

const shellWords = {
  mediated: 'shell, every command judged',
  guarded: 'shell, every command asked for by hooks in bash',
  recorded: 'shell, recorded only',
} as const;

/** An interactive shell; in a raw terminal (`recorded`, `guarded`) nobody can say for sure what will run. */
export function shell(mode: keyof typeof shellWords): Submission {
  const text = shellWords[mode];
  return known('shell', text, { verb: 'shell', access: mode === 'mediated' ? 'session' : 'unknown', objectKind: 'other', object: mode });
}

export function subsystem(name: string): Submission {
  return known('subsystem', name, { verb: 'run', access: name === 'sftp' ? 'session' : 'unknown', objectKind: 'program', object: name });
}

/** `what` in words ("connect to db:5432"), the address as policies name it. */
export function forward(what: string, address: string): Submission {
  return known('forward', what, { verb: 'forward', access: 'unknown', objectKind: 'address', object: address });
}

export function environment(name: string, value: string): Submission {
  const access = isHarmlessVariable(name, value) ? 'session' : 'unknown';
  return known('environment', `${name}=${value}`, { verb: 'environment', access, objectKind: 'setting', object: name });
}

export function file(text: string, effects: readonly Effect[]): Submission {
  return submission('file', text, classified(text, text.slice(0, text.indexOf(' ')), effects));
}

/**
 * Locales only with UTF-8, C or POSIX: in others a shell reads a backslash or a pipe as the second byte of a letter, and the
 * command that was judged is another one.
 */
function isHarmlessVariable(name: string, value: string): boolean {
  if (value.length > 256) return false;
  if (
    /^(?:LANG|LANGUAGE|LC_(?:ALL|ADDRESS|COLLATE|CTYPE|IDENTIFICATION|MEASUREMENT|MESSAGES|MONETARY|NAME|NUMERIC|PAPER|TELEPHONE|TIME))$/.test(
      name,
    )
  ) {
    return (
      /^(?:|C|POSIX|[A-Za-z_@]{1,30}\.(?:utf-?8|UTF-?8)(?:@[a-z]{1,20})?)$/.test(value) ||
      (name === 'LANGUAGE' && /^[A-Za-z_:]*$/.test(value))
    );
  }
  if (name === 'GIT_PROTOCOL') return /^version=\d$/.test(value);
  return /^(?:COLORTERM|NO_COLOR|TZ)$/.test(name) && /^[A-Za-z0-9_./+-]*$/.test(value) && !value.includes('..');
}

function known(kind: ActionKind, text: string, effect: Effect): Submission {
  return submission(kind, text, classified(text, kind, [effect]));
}

function classified(text: string, kind: string, effects: readonly Effect[]): Classification {
  return classificationOf([{ kind, span: { start: 0, end: text.length }, effects, missingWhere: false, risks: [], changes: [] }]);
}

function submission(
  kind: ActionKind,
  text: string,
  classification: Classification | null,
  mode: Submission['mode'] = { key: '', settings: {}, catalogue: null },
): Submission {
  return {
    kind,
    text,
    parameters: null,
    digest: () => createHash('sha256').update(`${kind}\0${mode.key}\0${text}`).digest('hex'),
    mode,
    transaction: 'none',
    classified: classification,
    prepared: null,
  };
}
