// Arithmetic with what a command counted, and with what only looks like it.

import t from 'tap';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';

const isFree = (text: string): boolean => {
  const { understood, summary } = classifyShell(text, false);
  return understood && (summary.access === 'read' || summary.access === 'session');
};

t.test('a count is a number', async (t) => {
  for (const text of [
    'n=$(ls | wc -l); echo $((n+1))',
    'n=`ls | wc -l`; echo $((n))',
    'n="$(ls | wc -l)"; if (( n > 5 )); then echo many; fi',
    'start=$(date +%s); sleep 1; echo $(( $(date +%s) - start ))',
    'n=$(wc -l < f); echo $((n*2))',
    "n=$(cat f | grep -ci 'x y'); echo $((n))",
    'echo $(( $(nproc) * 2 ))',
    '[ $(ls | wc -l) -gt 5 ] && echo many',
    'if [ $(ps aux | grep -c nginx) -lt 2 ]; then echo few; fi',
    'test "$x" -gt $(nproc)',
  ])
    t.ok(isFree(text), text);
});

t.test('anything else may be a command', async (t) => {
  for (const text of [
    'n=$(cat f); echo $((n))',
    'n=$(cat f | wc -l; cat g); echo $((n))',
    'n=$(cat f && wc -l < f); echo $((n))',
    'n=$(wc -l f); echo $((n))',
    'n=$(wc -l < f 2>&1); echo $((n))',
    'n=$(wc -l <<< x 2>&1); echo $((n))',
    'n=$(ls | wc -l)$(cat f); echo $((n))',
    'n=x$(ls | wc -l); echo $((n))',
    'n=$(grep -c x f g); echo $((n))',
    'n=$(cat f | grep -cH x); echo $((n))',
    "n=$(cat f | grep -c '-h'); echo $((n))",
    'n=$(cat f | grep -c x g); echo $((n))',
    'n=$(ls | wc -l | cat f); echo $((n))',
    'n=$(./wc -l); echo $((n))',
    'n=$(ls | wc -l &); echo $((n))',
    'n=$(ls | wc -l); read n; echo $((n))',
    'n=$(ls | wc -l); n=$(cat f); echo $((n))',
    "wc() { echo 'a[$(rm x)]'; }; n=$(ls | wc -l); echo $((n))",
    'n=$(ls | wc -l); echo $((n)); wc() { cat f; }',
    "eval 'wc() { cat f; }'; echo $(( $(ls | wc -l) ))",
    'a[$(ls | wc -l)]=1',
    '[ $(cat f) -gt 5 ]',
    "wc() { echo '-v a[$(rm x)]'; }; [ $(ls | wc -l) -gt 5 ]",
    "for i in 1 2; do [ $(ls | wc -l) -gt 5 ]; eval 'wc() { cat f; }'; done",
    // What cannot be counted is no word at all, and then others stand in its place.
    '[ "$x" $(nproc < /no) "$y" ]',
    'env -u $(nproc < /no) ls rm victim',
    'uniq $(nproc < /no) a victim',
  ])
    t.notOk(isFree(text), text);
});
