// What people do over SSH besides commands, written as the gateway writes it down ("write /etc/hosts", "rename /a to /b", "sftp",
// "db:5432", "LANG=C"), as the gateway itself classifies it.

import { environment, file, forward, shell, subsystem } from '../../protocols/ssh/actions.ts';
import { effectsOf, type JudgedPath } from '../../protocols/ssh/sftp-operations.ts';
import type { Action, ActionKind } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import { classificationOf, notUnderstood } from '../core/summary.ts';

/** Null for a command, which is read by the shell's classifier. */
export function classifySshAction({ kind, text }: Pick<Action, 'kind' | 'text'>): Classification | null {
  switch (kind) {
    case 'command':
      return null;
    case 'connect':
      return classificationOf([]);
    case 'shell':
      return text === '' || text.startsWith('mediated') || text.startsWith('shell, every command judged')
        ? shell('mediated').classified
        : /^(guarded|recorded)$/.test(text)
          ? shell(text as 'guarded' | 'recorded').classified
          : unread(kind, text, 'mediated, guarded or recorded');
    case 'subsystem':
      return subsystem(text).classified;
    case 'forward': {
      const address = text.split(' ').at(-1) ?? '';
      return /:/.test(address) || address.startsWith('/') ? forward(text, address).classified : unread(kind, text, 'db.example:5432');
    }
    case 'environment': {
      const at = text.indexOf('=');
      return at < 1 ? unread(kind, text, 'NAME=value') : environment(text.slice(0, at), text.slice(at + 1)).classified;
    }
    case 'file':
      return fileOperation(text);
    case 'statement':
    case 'function-call':
    case 'replication':
      return notUnderstood('unknown-statement', `SSH has no ${kind}`);
  }
}

const onePath: Readonly<Record<string, JudgedPath['effects']>> = {
  read: ['file-read'],
  list: ['file-read'],
  write: ['file-write'],
  remove: ['file-remove'],
  rmdir: ['file-remove'],
  mkdir: ['file-write'],
  'set attributes of': ['file-write'],
};

const twoPaths: Readonly<Record<string, readonly [JudgedPath['effects'], JudgedPath['effects']]>> = {
  rename: [['file-remove'], ['file-write']],
  'hard link': [['file-read'], ['file-write']],
};

/** Paths begin with "/": the gateway judges what the target resolved them to. */
function fileOperation(text: string): Classification {
  const [, verb = '', paths = ''] = /^([a-z ]+?) (\/.*)$/s.exec(text) ?? [];
  const pair = twoPaths[verb];
  const [from = '', to] = pair === undefined ? [paths] : paths.split(' to ');
  const effects = pair === undefined ? [onePath[verb]] : [pair[0], pair[1]];
  const names = pair === undefined ? [from] : [from, to ?? ''];
  if (effects.some((it) => it === undefined) || names.includes('')) {
    return unread('file', text, `${Object.keys(onePath).join(', ')} or rename, and whole paths: "write /etc/hosts", "rename /a to /b"`);
  }
  const judged = names.map((path, index): JudgedPath => ({ path, follow: true, effects: effects[index] ?? [] }));
  return file(text, effectsOf(judged, names)).classified ?? notUnderstood('unknown-statement', 'it has no effects');
}

function unread(kind: ActionKind, text: string, wanted: string): Classification {
  return notUnderstood('unknown-statement', `"${text}" is no ${kind} as the gateway writes it: ${wanted}`);
}
