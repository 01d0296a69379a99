// Every row of the bypass corpus that is typed into a shell, typed into a guarded one at a real bash: nothing happens to the victim
// while nobody approves anything. What a guarded shell does not stop stands in docs/ssh.md.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { guardedPolicies, startSshWorld } from '../support/ssh.ts';

interface Case {
  readonly id: string;
  readonly protocol: string;
  readonly input: string;
  readonly via: string;
  readonly expect: string;
  readonly why: string;
}

const cases = readFileSync(new URL('cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter((one) => one.protocol === 'ssh' && one.via === 'shell' && one.expect !== 'read');
/** Found while the hooks were made: tries to disarm them, and what only one of them sees. */
const more: readonly (readonly [string, string])[] = [
  ['the trap is taken away', 'trap - DEBUG\rrm victim\r'],
  ['the trap is taken away in the same line', 'trap - DEBUG; rm victim\r'],
  ['FUNCNAME is taken over', 'unset FUNCNAME\rFUNCNAME=(x __sp_line)\rrm victim\r'],
  ['the answer comes from a function', 'builtin() { __sp_a="$__sp_n:y"; }\rrm victim\r'],
  ['the memory of answers is filled', '__sp_seen["rm victim"]=1\rrm victim\r'],
  ['everything is said to be approved', '__sp_all=1; rm victim\r'],
  ['answers are typed ahead', 'echo; yyyy\r;y;:y;\rrm victim\ryes;y\r'],
  ['a compound command writes', '{ :; } > victim\r'],
  ['a redirection alone', '> victim\r'],
  ['expansion of the line by a key', '$(> victim)\u001b\u0005'],
  ['a subscript runs it', "test -v 'a[$(rm victim)]'\r"],
  ['Ctrl-O takes the line', 'rm victim\u000f'],
  ['the editor takes the line', 'rm victim\u0018\u0005'],
  ['other keys, other mode', 'set -o vi\rrm victim\r\u001bv'],
  ['quoted Enter', 'echo \u0016\rrm victim\r'],
  ['a paste of several lines', '\u001b[200~echo a\rrm victim\r\u001b[201~\r'],
  ['a search ends with Enter', 'echo rm victim\r\u0012rm vic\r'],
  ['a prompt that runs', "PS1='$(rm victim)'\r"],
  ['a background group', '( rm victim ) &\r'],
  ['the answer is a read-only variable', "declare -r _''_sp_r=0\rrm victim\r"],
  ['the question is a read-only variable', "readonly _''_sp_n=12345678-1234-1234-1234-123456789012\rrm victim\r"],
  ['the name comes over two lines', '_\\\r_sp_all=1\rreadonly _\\\r_sp_all\rrm victim\r'],
  ['everything was approved, read-only', "declare -r _''_sp_all=1\rrm victim\r"],
  ['the memory of answers is read-only', "readonly _''_sp_seen\rrm victim\r"],
  ['the memory of answers is gone', "unset _''_sp_seen\rrm victim\r"],
  ['the name comes from a read', "read _''_sp_all <<< 1\rreadonly _$'\\137'sp_all\rrm victim\r"],
  ['keys of the guard take the line', '{ :; } > victim\u0018\n'],
  ['a number and insert-comment take the line', '#{ :; } > victim\u001b1\u001b#'],
  ['asked for by keys, then changed, then taken', 'ls\u0018\u0007\u0015{ :; } > victim\u0018\n'],
  ['the same, key by key in a second line', 'echo a \\\rls\u0018\u0007\u0015; { :; } > victim\u0018\n'],
  ['the second line is taken without a question', 'echo a; \\\r{ :; } > victim\u0018\n'],
  ['after the end of a here-document', 'cat <<X\rX\u0018\n{ :; } > victim\u0018\n'],
  ['unset names are faults', 'set -u\rrm victim\r'],
];
/** How long keys may take before a shell is led out of the mode that they left it in. */
const leadMs = 500;
const rows = [...cases.map(({ id, input, why }) => [`${id}: ${why}`, input] as const), ...more];

const world = await startSshWorld(t, { policies: guardedPolicies(), shell: 'guarded' });
const bob = world.gateway.api('bob');
const victim = join(world.server.home, 'victim');

t.ok(cases.length >= 10, 'the corpus is there');
for (const [name, input] of rows) {
  t.test(name, async (t) => {
    writeFileSync(victim, 'precious', { mode: 0o666 });
    const shell = world.startTerminal([]);
    await shell.waitFor(/\$ $/);
    shell.write(input.endsWith('\r') || input.endsWith('\n') ? input : `${input}\r`);
    shell.write('\recho over-$((20+3))\r');
    // Whatever waits is refused, until the last line was run, or the shell has ended; where keys left it in a mode, it is led out.
    let ledMs = performance.now();
    await eventually('it is over', async () => {
      const { body } = await bob.get<{ items: { id: string }[] }>('/holds?state=pending');
      for (const { id } of body.items) await bob.post(`/holds/${id}/deny`, { reason: 'no' });
      const over = /over-23/.test(shell.stdout) || !shell.running;
      if (!over && performance.now() - ledMs > leadMs) {
        ledMs = performance.now();
        shell.write('\u0003\recho over-$((20+3))\r');
      }
      return over;
    });
    t.ok(existsSync(victim), 'the victim is there');
    t.equal(readFileSync(victim, 'utf8'), 'precious');
    shell.child.kill('SIGHUP');
  });
}
