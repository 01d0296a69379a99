// Who acts: a person or a machine, with the groups that policies speak of.

import type { PersonName } from './ids.ts';

export type PrincipalKind = 'person' | 'machine' | 'ai-agent';

export interface Principal {
  readonly name: PersonName;
  readonly displayName: string;
  readonly kind: PrincipalKind;
  readonly groups: readonly string[];
}
