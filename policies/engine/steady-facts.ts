// Stand-ins for facts that a condition which is steady for a session, or an access rule, can't read.

import { ActionFact, GrantStateFact, HistoryFact, RequestFact } from './facts.ts';
import { TimeFact } from './zone-time.ts';

// Never read: a condition that reads time or the action is not steady for a session.
const noTime = new TimeFact(0, 0, 'monday', '1970-01-01');
export const noAction = new ActionFact(
  {
    id: '' as never,
    kind: 'connect',
    text: '',
    parameters: null,
    digest: () => '',
    mode: { key: '', settings: {}, catalogue: null },
    transaction: 'none',
    classified: null,
    prepared: null,
  },
  {
    understood: false,
    problem: null,
    statements: [],
    summary: {
      kinds: [],
      verbs: [],
      access: 'unknown',
      effects: [],
      tables: [],
      tablesWritten: [],
      functions: [],
      missingWhere: true,
    },
  },
);

export const neverRead = {
  action: noAction,
  time: noTime,
  history: new HistoryFact(undefined),
  approvals: [],
  grant: new GrantStateFact([]),
  grants: [],
  request: new RequestFact(''),
};
