// appendInTurn for logs that tests make themselves: their append(), told to the callback.

import type { AuditLog } from '../../../src/core/audit.ts';
import { Fault, messageOf } from '../../../src/core/errors.ts';

export function inTurnBy(append: AuditLog['append']): AuditLog['appendInTurn'] {
  const faultOf = (thrown: unknown) => (thrown instanceof Fault ? thrown : new Fault('audit-write-failed', messageOf(thrown)));
  return (event, then) => {
    let written: Promise<void> | undefined;
    try {
      written = append(event);
    } catch (thrown) {
      then(faultOf(thrown));
      return;
    }
    if (written === undefined) then(null);
    else
      void written.then(
        () => then(null),
        (thrown: unknown) => then(faultOf(thrown)),
      );
  };
}
