// What every channel does: it hears of a matter (a hold, a request for access), says to which places a message goes, and brings
// one place up to date. Messages are made when they are sent, from the matter as it is then: after an hour without a network
// nobody gets buttons for something that has ended.

import type { AccessRequestView, GrantView, HoldView } from '../api/contract.ts';
import type { PrincipalKind } from '../core/principal.ts';
import { messageOf } from '../core/errors.ts';
import type { ToldStore } from '../store/told.ts';
import type { DeliveryQueue, SendResult } from './queue.ts';

export type Matter =
  | {
      readonly kind: 'hold';
      readonly id: string;
      readonly hold: HoldView;
      /** Null: none can be approved. */ readonly shape: ShapeOffered | null;
    }
  | { readonly kind: 'access'; readonly id: string; readonly request: AccessRequestView; readonly grant: GrantView | null };

/** The shape of a hold that waits, as far as it can be approved for a while. */
export interface ShapeOffered {
  readonly words: string;
  readonly holes: readonly { readonly value: string }[];
  readonly durationMsMax: number;
}

/**
 * placed: somebody should answer. progress: a yes of several came, or who may answer changed. escalated: nobody answered, and
 * others may as well. ended: the access is over.
 */
export type Moment = 'placed' | 'progress' | 'escalated' | 'settled' | 'ended' | 'review-due';

/** Where a matter is seen and answered; the answers are null when there is nothing to answer. */
export interface MatterLinks {
  readonly console: string;
  readonly approve: string | null;
  readonly deny: string | null;
}

/** Somebody who can be told. */
export interface Addressee {
  readonly name: string;
  readonly displayName: string;
  readonly kind: PrincipalKind;
  readonly groups: readonly string[];
  readonly rights: readonly ('approve' | 'audit' | 'operate')[];
  /** Who has lent this person the right to answer holds. */
  readonly lenders: readonly { readonly name: string; readonly groups: readonly string[] }[];
}

export interface Message {
  /** The same for every try. */
  readonly id: string;
  readonly moment: Moment;
  /** One of those that the channel named; '' where it has only one. */
  readonly place: string;
  readonly matter: Matter;
}

export interface Channel {
  readonly name: string;
  /** Its places are people or their browsers: each is asked about a matter once, whenever it may answer first. */
  readonly asksOnce: boolean;
  /** Where something has to be said or changed because of this; empty: nowhere. */
  places(moment: Moment, matter: Matter): readonly string[];
  /** Brings that place up to date. Never rejects. */
  send(message: Message, signal: AbortSignal): Promise<SendResult>;
}

/** What is written down of a delivery: no text and no link, so that neither outlives the matter in the store. */
type Written = readonly [Moment, string, string];

/** Joins channels to the queue; gives the function that tells them all, which never throws. */
export function joinChannels(
  queue: DeliveryQueue,
  channels: readonly Channel[],
  matterOf: (id: string) => Matter | null,
  told: Pick<ToldStore, 'isNew'>,
): (moment: Moment, matter: Matter) => void {
  for (const channel of channels) {
    queue.add({
      name: channel.name,
      kind: 'channel',
      // Changes of one message go one after the other, or the second would not know where the first one is.
      laneOf: (body) => JSON.stringify((JSON.parse(body) as Written).slice(1)),
      send: async ({ id, body }, signal) => {
        const [moment, matterId, place] = JSON.parse(body) as Written;
        try {
          const matter = matterOf(matterId);
          if (matter === null) return { kind: 'failed', status: null, why: `there is no ${matterId} any more`, again: false };
          return await channel.send({ id, moment, place, matter }, signal);
        } catch (thrown) {
          return { kind: 'failed', status: null, why: messageOf(thrown), again: true };
        }
      },
    });
  }
  return (moment, matter) => {
    const event = eventName(moment, matter);
    const holdId = matter.kind === 'hold' ? matter.id : null;
    for (const channel of channels) {
      for (const place of placesOf(channel, moment, matter)) {
        if (channel.asksOnce && asks(moment) && !isNewTo(told, channel.name, matter.id, place)) continue;
        queue.post(channel.name, event, holdId, () => JSON.stringify([moment, matter.id, place] satisfies Written));
      }
    }
  };
}

/** A store that fails asks somebody twice rather than nobody. */
function isNewTo(told: Pick<ToldStore, 'isNew'>, channel: string, matter: string, place: string): boolean {
  try {
    return told.isNew(channel, matter, place);
  } catch {
    return true;
  }
}

/** One channel that fails must not keep the others from hearing. The console has everything. */
function placesOf(channel: Channel, moment: Moment, matter: Matter): readonly string[] {
  try {
    return channel.places(moment, matter);
  } catch {
    return [];
  }
}

function eventName(moment: Moment, matter: Matter): string {
  const noun = matter.kind === 'hold' ? 'hold' : 'access';
  const verb = moment === 'placed' ? (matter.kind === 'hold' ? 'created' : 'requested') : moment;
  return `${noun}.${verb}`;
}

/** Is this a moment at which people are asked for an answer? */
export function asks(moment: Moment): boolean {
  return moment === 'placed' || moment === 'progress' || moment === 'escalated';
}

/** Is the glass broken now? Everybody in charge has to know. */
export function isEmergency(matter: Matter): boolean {
  return matter.kind === 'access' && matter.request.break_glass && matter.request.state === 'granted' && matter.grant?.state === 'active';
}

/** Is anybody's answer wanted? */
export function isPending(matter: Matter): boolean {
  return (matter.kind === 'hold' ? matter.hold : matter.request).state === 'pending';
}

/** Might this person's answer count? The desk decides; this says whom to bother. */
export function mayAnswer(matter: Matter, person: Addressee): boolean {
  const { name, kind, groups, rights } = person;
  if (kind === 'ai-agent' || !rights.includes('approve')) return false;
  const isIn = (wanted: readonly string[]) => wanted.some((group) => groups.includes(group));
  switch (matter.kind) {
    case 'hold': {
      const { principal, approver_groups: approvers, also_in_groups: also = [] } = matter.hold;
      return name !== principal && ([approvers, ...also].every(isIn) || lenderFor(matter, person) !== null);
    }
    case 'access':
      return name !== matter.request.principal && matter.request.approvers.some((set) => isIn(set.groups));
  }
}

/** In whose right a person answers a hold who could not in their own; null: nobody's, or their own is enough. */
export function lenderFor(matter: Matter, { groups, lenders }: Addressee): string | null {
  if (matter.kind !== 'hold') return null;
  const { principal, approver_groups: approvers, also_in_groups: also = [] } = matter.hold;
  const satisfies = (has: readonly string[]) => [approvers, ...also].every((set) => set.some((group) => has.includes(group)));
  if (satisfies(groups)) return null;
  return lenders.find((lender) => lender.name !== principal && satisfies(lender.groups))?.name ?? null;
}

/** Whom a channel that speaks to single people tells: approvers, reviewers, and everybody in charge of break-glass access. */
export function concerns(moment: Moment, matter: Matter, person: Addressee): boolean {
  const owner = matter.kind === 'hold' ? matter.hold.principal : matter.request.principal;
  if (person.name === owner || person.kind !== 'person') return false;
  if (asks(moment)) return isPending(matter) && mayAnswer(matter, person);
  if (matter.kind === 'hold') return false;
  const reviews = matter.grant?.reviewers.some((group) => person.groups.includes(group)) ?? false;
  if (moment === 'review-due') return reviews;
  if (moment === 'settled' && matter.request.state === 'granted' && matter.request.break_glass) return person.rights.length > 0 || reviews;
  return false;
}
