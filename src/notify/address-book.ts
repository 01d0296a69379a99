// How the gateway's own people are reached elsewhere, and who somebody elsewhere is here. One address, one person: where two
// people share one, it stands for neither.

export interface Contact {
  readonly name: string;
  readonly email: string | null;
  readonly slack: string | null;
  /** The object id in Microsoft Entra. */
  readonly teams: string | null;
  /** Numbers: names there can be given up, and taken by somebody else. */
  readonly github: number | null;
  readonly gitlab: number | null;
}

export class AddressBook {
  readonly #contacts: ReadonlyMap<string, Contact>;
  readonly #names: () => readonly string[];

  /** `names` of everybody there is now: people come and go by SCIM and sign-in. */
  constructor(contacts: readonly Contact[], names: () => readonly string[]) {
    this.#contacts = new Map(contacts.map((contact) => [contact.name, contact]));
    this.#names = names;
  }

  /** The configured address; else the name, where it is an address. */
  emailOf(name: string): string | null {
    return this.#contacts.get(name)?.email ?? (/^[^\s@<>"(),:;[\]\\]+@[^\s@<>"(),:;[\]\\]+$/.test(name) ? name : null);
  }

  byEmail(email: string): string | null {
    const wanted = email.toLowerCase();
    const found = this.#names().filter((name) => this.emailOf(name)?.toLowerCase() === wanted);
    return found.length === 1 ? (found[0] ?? null) : null;
  }

  /** The configured member id. */
  slackOf(name: string): string | null {
    return this.#contacts.get(name)?.slack ?? null;
  }

  bySlack(id: string): string | null {
    return this.#by('slack', id);
  }

  byTeams(id: string): string | null {
    return this.#by('teams', id.toLowerCase());
  }

  byForge(forge: 'github' | 'gitlab', id: number): string | null {
    return this.#by(forge, id);
  }

  #by(key: 'slack' | 'teams' | 'github' | 'gitlab', id: string | number): string | null {
    const found = [...this.#contacts.values()].filter((contact) => contact[key] === id);
    return found.length === 1 ? (found[0]?.name ?? null) : null;
  }
}
