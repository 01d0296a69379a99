// Which of the gateway's people a member of a Slack workspace is: by the configured member id, else, where that is wanted, by
// the address that Slack has confirmed. Names and nicknames say nothing: everybody may choose them.

import type { AddressBook } from './address-book.ts';
import type { SlackApi } from './slack-api.ts';

export type FoundPerson = { readonly kind: 'person'; readonly name: string } | { readonly kind: 'nobody'; readonly why: string };

interface Parts {
  readonly api: SlackApi;
  readonly book: AddressBook;
  /** The workspace whose people count; null: not looked at, and nobody is found by address. */
  readonly team: string | null;
  readonly byEmail: boolean;
}

export class SlackPeople {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async find(user: string, team: string | null, signal: AbortSignal): Promise<FoundPerson> {
    const { api, book, team: ours, byEmail } = this.#parts;
    if (ours !== null && team !== ours) return { kind: 'nobody', why: 'people of another workspace cannot answer here' };
    const configured = book.bySlack(user);
    if (configured !== null) return { kind: 'person', name: configured };
    const unknown = `the gateway does not know who you are: an operator can add your Slack id ${user} to you, or answer in the console`;
    if (!byEmail || ours === null) return { kind: 'nobody', why: unknown };
    const found = await api.user(user, signal);
    if (found === null) return { kind: 'nobody', why: 'Slack did not say who you are; try again, or answer in the console' };
    if (!found.isPerson || found.teamId !== ours || found.email === null) return { kind: 'nobody', why: unknown };
    const name = book.byEmail(found.email);
    return name === null ? { kind: 'nobody', why: unknown } : { kind: 'person', name };
  }
}
