// The audit page's filter offers every type of event: one that is missing there can't be asked for in the console.

import t from 'tap';
import { auditTypes } from '../../src/console/audit-words.ts';
import { auditEventTypes } from '../../src/core/audit.ts';

t.test('the filter offers every type of event, once', async (t) => {
  t.same([...auditTypes].toSorted(), [...auditEventTypes].toSorted());
});
