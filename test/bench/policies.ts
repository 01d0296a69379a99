// The policy set of the benchmark: 50 rules in three files, of the kinds that people write. What the load does is allowed;
// the other rules have to be asked all the same, and some of them read the time, so that nothing is measured with an empty set.

import { stringify } from 'yaml';

export const rulesTotal = 50;

/** File names and texts. The rules together are `rulesTotal`. */
export function benchPolicies(): Record<string, string> {
  const machines = commands();
  const left = rulesTotal - base().rules.length - machines.rules.length - 20;
  const files = { 'base.yaml': base(), 'commands.yaml': machines, 'teams.yaml': teams(20), 'secrets.yaml': secrets(left) };
  return Object.fromEntries(Object.entries(files).map(([name, document]) => [name, stringify(document, { lineWidth: 120 })]));
}

interface PolicyDocument {
  readonly policy: string;
  readonly applies_to?: { readonly protocols: readonly string[] };
  readonly rules: readonly object[];
}

function base(): PolicyDocument {
  const approvers = { groups: ['dba'] };
  return {
    policy: 'base',
    applies_to: { protocols: ['postgres', 'mysql'] },
    rules: [
      {
        id: 'open-session',
        title: 'Engineers open sessions',
        actions: ['connect'],
        principals: { groups: ['engineers'] },
        decision: 'allow',
      },
      {
        id: 'allow-reads',
        title: 'Reading is free',
        actions: ['statement', 'function-call'],
        principals: { groups: ['engineers'] },
        effects: { access: ['read', 'session'] },
        decision: 'allow',
      },
      {
        id: 'allow-inserts',
        title: 'New rows',
        effects: { verbs: ['insert', 'bulk-load'], tables: ['bench_*', 'public.bench_*'] },
        decision: 'allow',
      },
      {
        id: 'allow-changes',
        title: 'Changes of chosen rows',
        effects: { verbs: ['update', 'delete'], tables: ['bench_*', 'public.bench_*', '*.sbtest*', 'sbtest*'] },
        when: '!action.missing_where',
        decision: 'allow',
      },
      { id: 'hold-destructive', title: 'Dropping waits', effects: { verbs: ['drop', 'truncate'] }, decision: 'hold', approvers },
      {
        id: 'hold-every-row',
        title: 'Every row waits',
        effects: { verbs: ['update', 'delete'], access: ['write', 'unknown'] },
        when: 'action.missing_where',
        decision: 'hold',
        approvers,
      },
      {
        id: 'hold-at-night',
        title: 'Changes at night wait',
        effects: { access: ['unknown'] },
        when: 'time.hour < 6 || time.hour >= 20',
        decision: 'hold',
        approvers,
      },
      {
        id: 'hold-others',
        title: 'Other changes wait',
        effects: { access: ['write', 'unknown'] },
        otherwise: true,
        decision: 'hold',
        approvers,
      },
      { id: 'deny-files', title: 'Files are out of reach', effects: { verbs: ['server-file', 'server-program'] }, decision: 'deny' },
      { id: 'deny-not-understood', title: 'What is not understood does not run', understood: false, decision: 'deny' },
    ],
  };
}

/** What engineers run on machines is allowed, judged and recorded. */
function commands(): PolicyDocument {
  const rule = {
    id: 'all',
    title: 'Engineers work',
    actions: ['connect', 'command', 'subsystem', 'file', 'environment'],
    principals: { groups: ['engineers'] },
    decision: 'allow',
  };
  return { policy: 'commands', applies_to: { protocols: ['ssh'] }, rules: [rule] };
}

/** Each team's tables are changed by the team alone. */
function teams(count: number): PolicyDocument {
  const rules = Array.from({ length: count }, (_, index) => ({
    id: `team-${index}`,
    title: `Tables of team ${index}`,
    effects: { verbs: ['update', 'delete', 'insert'], tables: [`team_${index}_*`, `team_${index}.*`] },
    when: `!("team-${index}" in principal.groups) && size(action.tables_written) > 0`,
    decision: 'hold',
    approvers: { groups: ['dba'] },
  }));
  return { policy: 'teams', rules };
}

/** Reading is asked of each of these at every SELECT. */
function secrets(count: number): PolicyDocument {
  const rules = Array.from({ length: count }, (_, index) => ({
    id: `secret-${index}`,
    title: `Secrets ${index} are not read here`,
    effects: { tables: [`secrets_${index}`, `vault_${index}.*`, `*.keys_${index}`] },
    decision: 'deny',
  }));
  return { policy: 'secrets', rules };
}
