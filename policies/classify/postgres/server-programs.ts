// What gives the server programs to run, by itself or by its next start: functions in languages that nothing confines, libraries,
// and settings that name commands. It must not know what is allowed.

import type { Findings } from './findings.ts';
import { listAt, nodeOf, textAt, treeAt, type Node, type Tree } from './tree.ts';

/** Languages whose functions reach no further than the database; `internal` names what is in the server anyway. Of others nobody knows. */
const confined = new Set(['sql', 'plpgsql', 'internal', 'plperl', 'pltcl', 'plv8', 'pllua', 'java', 'plrust']);

/** Settings whose value is a command, a library, or where libraries are looked for. */
const naming = new Set([
  'archive_command',
  'archive_library',
  'archive_cleanup_command',
  'restore_command',
  'recovery_end_command',
  'ssl_passphrase_command',
  'shared_preload_libraries',
  'session_preload_libraries',
  'local_preload_libraries',
  'oauth_validator_libraries',
  'dynamic_library_path',
  'extension_control_path',
  'jit_provider',
]);

/** DO, and the definitions and settings that last. What SET says of such settings to its own session is a guard, and loads nothing. */
export function noteServerPrograms({ type, body }: Node, findings: Findings): void {
  const program = programOf(type, body);
  if (program !== null) findings.effect('server-program', 'write', 'program', program);
}

function programOf(type: string, body: Tree): string | null {
  switch (type) {
    case 'DoStmt':
      return languageOf(listAt(body, 'args'));
    case 'CreateFunctionStmt':
      return languageOf(listAt(body, 'options'));
    case 'LoadStmt':
      return textAt(body, 'filename');
    case 'AlterSystemStmt':
    case 'AlterRoleSetStmt':
    case 'AlterDatabaseSetStmt': {
      const set = treeAt(body, 'setstmt');
      const name = set === null ? '' : textAt(set, 'name').toLowerCase();
      return naming.has(name) ? name : null;
    }
    default:
      return null;
  }
}

/** The language of a function or block, when it is not known to be confined. */
function languageOf(options: readonly unknown[]): string | null {
  for (const option of options) {
    const part = nodeOf(option)?.body;
    if (part === undefined || textAt(part, 'defname') !== 'language') continue;
    const arg = nodeOf(part['arg'])?.body;
    const language = (arg === undefined ? '' : textAt(arg, 'sval')).toLowerCase();
    return confined.has(language) ? null : language;
  }
  return null;
}
