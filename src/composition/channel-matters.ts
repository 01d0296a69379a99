// What channels are told about and whom they can tell: holds and access as everybody may see them, people with the rights they
// have and those that were lent to them, and who has to be asked because he may answer only now.

import type { AccessDesk } from '../approvals/access-desk.ts';
import { accessRequestView, grantView } from '../approvals/access-view.ts';
import { holdView } from '../approvals/hold-view.ts';
import type { HoldDesk } from '../approvals/holds.ts';
import type { ShapeDesk } from '../approvals/shape-desk.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { Identity } from '../identity/identity.ts';
import { concerns, isEmergency, isPending, mayAnswer } from '../notify/channel.ts';
import type { Addressee, Matter, Moment } from '../notify/channel.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { OnCall } from './on-call.ts';

export interface MatterParts {
  readonly identity: Identity;
  readonly holds: HoldDesk;
  readonly access: AccessDesk;
  readonly shapes: Pick<ShapeDesk, 'offerOf'>;
  /** Who has lent a person the right to answer holds. */
  readonly lendersOf: (person: string) => readonly Principal[];
  readonly onCall: Pick<OnCall, 'of'>;
}

/** A change of people comes with others, as when a directory is read: they are looked at together. */
const newcomersAfterMs = 250;
/** Matters looked at for one such change. */
const mattersMax = 200;
/** More names than these call nobody. */
const mentionsMax = 10;
/** Names that one section of a message has room for. */
const inChargeMax = 100;

export function holdMatter({ shapes }: Pick<MatterParts, 'shapes'>, hold: HoldRecord): Matter {
  const offer = hold.state === 'pending' ? shapes.offerOf(hold.id) : null;
  return { kind: 'hold', id: hold.id, hold: holdView(hold, null), shape: offer === null || 'why' in offer ? null : offer };
}

/** The matter as it is now. */
export function matterOf(parts: MatterParts, id: string): Matter | null {
  const { holds, access } = parts;
  if (id.startsWith('h-')) {
    const hold = holds.get(id);
    return hold === undefined ? null : holdMatter(parts, hold);
  }
  const request = access.requestOf(id);
  if (request === undefined) return null;
  const grant = request.grantId === null ? undefined : access.grantOf(request.grantId);
  return {
    kind: 'access',
    id,
    request: accessRequestView(request, null),
    grant: grant === undefined ? null : grantView(grant, null, false),
  };
}

export function addressees({ identity, lendersOf }: Pick<MatterParts, 'identity' | 'lendersOf'>): Addressee[] {
  return identity.people().flatMap(({ name }) => {
    const person = identity.person(name);
    return person === null ? [] : [{ ...person, rights: identity.rights(person), lenders: lendersOf(name) }];
  });
}

/** Whom a chat calls by name: those who have the turn, else everybody who may answer, unless they are a crowd. Of an emergency, those in charge. */
export function calledFor(parts: MatterParts, matter: Matter): readonly string[] {
  if (isEmergency(matter)) return inCharge(parts, matter);
  if (!isPending(matter)) return [];
  const groups =
    matter.kind === 'hold'
      ? [...matter.hold.approver_groups, ...(matter.hold.also_in_groups ?? []).flat()]
      : matter.request.approvers.flatMap((set) => set.groups);
  const who = addressees(parts).filter((person) => person.kind === 'person' && mayAnswer(matter, person));
  const turns = new Set(parts.onCall.of(groups).flatMap(({ people }) => people));
  const called = who.some(({ name }) => turns.has(name)) ? who.filter(({ name }) => turns.has(name)) : who;
  return called.length > mentionsMax ? [] : called.map(({ name }) => name);
}

function inCharge(parts: MatterParts, matter: Matter): string[] {
  const told = addressees(parts).filter((person) => concerns('settled', matter, person));
  return told.slice(0, inChargeMax).map(({ name }) => name);
}

export interface Newcomers {
  /** People, their groups or what was lent to them changed: soon everything that waits is told to those who may answer it now. */
  changed(): void;
  close(): void;
}

export function watchNewcomers(parts: MatterParts, tell: (moment: Moment, matter: Matter) => void, log: Pick<Log, 'error'>): Newcomers {
  let timer: NodeJS.Timeout | null = null;
  const look = () => {
    timer = null;
    try {
      tellAll();
    } catch (thrown) {
      // The console shows what waits; a store that fails must not end the process from here.
      log.error({ error: messageOf(thrown) }, 'who may answer now could not be told');
    }
  };
  const tellAll = () => {
    const pending = { state: 'pending', limit: mattersMax } as const;
    for (const hold of parts.holds.list(pending).items) tell('progress', holdMatter(parts, hold));
    for (const { id } of parts.access.requests(pending).items) {
      const matter = matterOf(parts, id);
      if (matter !== null) tell('progress', matter);
    }
  };
  return {
    changed: () => {
      timer ??= setTimeout(look, newcomersAfterMs);
      timer.unref();
    },
    close: () => {
      if (timer !== null) clearTimeout(timer);
    },
  };
}
