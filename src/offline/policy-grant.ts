// `--grant SCOPE` of policy explain: access for a while that the person is taken to have.

import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import { visible } from '../cli/visible.ts';
import type { Grant, GrantScope } from '../core/grant.ts';

/** For the help: what a scope may say. */
export const grantScopeWords = 'all, or with commas: read-only, role=NAME, tables=NAME+NAME, break-glass, rule=POLICY/RULE, minutes=COUNT';

/** One grant for each option. Throws CommandFailure where a word means nothing. */
export function grantsOf(scopes: readonly string[], nowMs: number): readonly Grant[] {
  return scopes.map((scope, index) => grantOf(scope, index, nowMs));
}

function grantOf(text: string, index: number, nowMs: number): Grant {
  let scope: GrantScope = { role: null, readOnly: false, tables: null };
  let [isBreakGlass, rule, minutes] = [false, 'explained', 60];
  for (const word of text.split(',').map((it) => it.trim())) {
    const at = word.indexOf('=');
    const [key, value] = at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    if ((key === 'role' || key === 'tables' || key === 'rule' || key === 'minutes') !== (value !== '')) throw wrong(word);
    switch (key) {
      case 'all':
        break;
      case 'read-only':
        scope = { ...scope, readOnly: true };
        break;
      case 'role':
        scope = { ...scope, role: value };
        break;
      case 'tables':
        scope = { ...scope, tables: value.split('+') };
        break;
      case 'break-glass':
        isBreakGlass = true;
        break;
      case 'rule':
        rule = value;
        break;
      case 'minutes':
        minutes = Number(value);
        if (!(minutes > 0)) throw wrong(word);
        break;
      default:
        throw wrong(word);
    }
  }
  const id = `g-${index + 1}` as Grant['id'];
  return { id, scope, rule, isBreakGlass, reason: 'explained', approvedBy: [], endsAtMs: nowMs + minutes * 60_000 };
}

function wrong(word: string): CommandFailure {
  return new CommandFailure(exitCode.usage, `--grant ${visible(word)}: write ${grantScopeWords}`);
}

/** "access for a while: read only, tables public.orders" */
export function grantWords({ scope, isBreakGlass }: Grant): string {
  const words = [
    scope.role === null ? '' : `role ${scope.role}`,
    scope.readOnly ? 'read only' : '',
    scope.tables === null ? '' : `tables ${scope.tables.join(', ')}`,
    isBreakGlass ? 'by breaking the glass' : '',
  ].filter((it) => it !== '');
  return words.length === 0 ? 'all of the target' : words.join(', ');
}
