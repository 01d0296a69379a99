// Loops over plain words: the variable is known in their bodies, unless anything could give it another value.

import t from 'tap';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';

const isFree = (text: string): boolean => {
  const { understood, summary } = classifyShell(text, false);
  return understood && (summary.access === 'read' || summary.access === 'session');
};

t.test('bodies that only read with each of the words', async (t) => {
  for (const text of [
    'for s in nginx redis; do systemctl is-active $s; done',
    'for s in nginx redis; do systemctl status "$s" --no-pager; done',
    'for h in db-1 db-2; do getent hosts ${h}; dig +short $h.example.com; done',
    'for p in a b; do kubectl -n prod logs "$p" | tail -3; echo "== $p"; done',
    'for d in srv opt; do (cd /$d && git log -1); done',
    'for v in status is-active; do systemctl $v nginx; done',
    'for a in x; do for b in y z; do systemctl status $a-$b; done; done',
    'for f in x.log y.log; do sort $f | head -1; done',
  ])
    t.ok(isFree(text), text);
});

t.test('words that do more, in any round', async (t) => {
  for (const text of [
    'for v in status stop; do systemctl $v nginx; done',
    'for s in -Hx; do systemctl status $s; done',
    'for o in k o; do sort -$o x; done',
    'for s in cat rm; do $s victim; done',
    'for x in a=b; do env $x ls; done',
    'for s in ~ *; do systemctl status $s; done',
    'for s in $x; do systemctl status $s; done',
    'for s; do systemctl status $s; done',
    'for s in a; do cat x > $s; done',
    `for s in ${'a '.repeat(101)}; do systemctl status $s; done`,
  ])
    t.notOk(isFree(text), text);
});

t.test('a variable that may have another value', async (t) => {
  for (const text of [
    'for s in a; do read s; systemctl status $s; done',
    'for svc in a; do read s"v"c; systemctl status $svc; done',
    "for svc in a; do unset s'v'c; systemctl status $svc -H x; done",
    'for svc in a; do declare s"v"c=-Hx; systemctl status $svc; done',
    'for s in a; do s=-Hx; systemctl status $s; done',
    "for s in a; do eval 's=-Hx'; systemctl status $s; done",
    "for s in a; do eval $'\\x73=-Hx'; systemctl status $s; done",
    "trap $'\\x73=-Hx' DEBUG; for s in a; do systemctl status $s; done",
    'declare -l s; for s in O; do sort -$s x; done',
    'for s in a; do ((s=5)); date $s; done',
    'for s in a; do for s in -b; do systemctl status $s; done; done',
    'for s in a; do systemctl status $s; done; systemctl status $s',
    'for s in a; do systemctl status ${s%a}-Hx; done',
    'for s in a; do systemctl status ${s:+-Hx}; done',
    'for svc in a; do read sv\\\nc; systemctl status $svc; done',
    'systemctl status $s; for s in a; do ls; done',
  ])
    t.notOk(isFree(text), text);
});

t.test('what is held is told as it stands', async (t) => {
  const text = 'for f in a b; do rm $f; done';
  t.equal(classifyShell(text, false).statements.filter(({ kind }) => kind === 'rm').length, 1);
});
