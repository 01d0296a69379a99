// The PostgreSQL front: takes accepted sockets, signs people in, opens the session and the link to the target, and lets a
// Connection relay. Nothing is judged here.

import type { Socket } from 'node:net';
import { AcceptedSockets, type AcceptLimits } from '../../src/core/accepted-sockets.ts';
import type { Catalogue } from '../../src/core/action.ts';
import { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { SqlCatalogue } from '../../src/core/catalogue.ts';
import type { CancelWish, Driver, DriverServices } from '../../src/core/driver.ts';
import { within } from '../../src/core/deadline.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { bidFarewell } from '../../src/core/farewell.ts';
import { IdleUpstreams } from '../../src/core/idle-upstreams.ts';
import type { HoldNotice } from '../../src/core/ruling.ts';
import type { Lane, Session } from '../../src/core/session.ts';
import type { Target } from '../../src/core/target.ts';
import { orAborted, whenGone } from '../../src/core/read-exactly.ts';
import { Reading, type ReadingLimits } from '../../src/core/reading.ts';
import { refusalWords } from '../../src/core/words.ts';
import { CancelKeys, type CancelKey } from './cancel-keys.ts';
import { CatalogueSource } from './catalogue-source.ts';
import { Connection } from './connection.ts';
import type { Line, SignedIn } from './handshake.ts';
import { SignInRefused, welcome } from './handshake.ts';
import { forgettingOf } from './forgetting.ts';
import * as wire from './messages.ts';
import { failingMessages, holdNotice, nonceBytes, refusalError, sqlState } from './refusal.ts';
import type { FailingMessages } from './refusal.ts';
import { isReplication, relayReplication } from './replication.ts';
import { asStatement, reasonSetting, startupSettings } from './startup-options.ts';
import { TargetRefused, clientsBusiness } from './target-refused.ts';
import type { Upstream } from './upstream.ts';
import { cancel, signIn, signInWith, unreachable } from './upstream.ts';

export interface PostgresLimits extends AcceptLimits, ReadingLimits {
  /** From the first byte to a sign-in with a token. A sign-in in the browser and a held `connect` have their own limits. */
  readonly handshakeTimeoutMs: number;
  /** Reaching and signing in to the target. */
  readonly targetTimeoutMs: number;
  /** Longest Query or Parse. */
  readonly statementBytesMax: number;
  /** Longest Bind. */
  readonly bindBytesMax: number;
  /** What a client may send ahead while its action waits; more is left in the kernel. */
  readonly heldBytesMax: number;
}

export const defaultPostgresLimits: PostgresLimits = {
  connectionsMax: 20_000,
  connectionsPerAddressMax: 20_000,
  handshakeTimeoutMs: 30_000,
  targetTimeoutMs: 15_000,
  statementBytesMax: 16 * 1024 * 1024,
  bindBytesMax: 64 * 1024 * 1024,
  heldBytesMax: 1024 * 1024,
  readingBytesMax: 256 * 1024 * 1024,
  readingBytesPerPersonMax: 128 * 1024 * 1024,
};
/** Describe, Execute, Close, …: names and numbers. */
const smallMessageBytesMax = 64 * 1024;
const browserSignInMsMax = 240_000;
const poolerWords =
  'a target stands behind a connection pooler: if that pools by transaction or statement, statements can run otherwise than they were judged';

export function createPostgresDriver(services: DriverServices, limits: PostgresLimits = defaultPostgresLimits): Driver {
  return new PostgresDriver(services, limits);
}

class PostgresDriver implements Driver {
  readonly #services: DriverServices;
  readonly #limits: PostgresLimits;
  readonly #cancelKeys: CancelKeys;
  readonly #catalogues = new Map<string, CatalogueEntry>();
  readonly #catalogueSources: CatalogueSource[] = [];
  readonly #sockets: AcceptedSockets;
  readonly #reading: Reading;
  readonly #connections = new Set<Connection>();
  readonly #failing: FailingMessages;
  /** Of connections to targets, by their key for cancelling, which one that is used again keeps. */
  readonly #paths = new WeakMap<object, string>();
  readonly #idle = new IdleUpstreams<Upstream>({ forgetting: forgettingOf, farewell: wire.terminate });

  constructor(services: DriverServices, limits: PostgresLimits) {
    this.#services = services;
    this.#limits = limits;
    this.#sockets = new AcceptedSockets(limits);
    this.#reading = new Reading(limits);
    this.#cancelKeys = new CancelKeys(services.random);
    this.#failing = failingMessages(services.random.bytes(nonceBytes));
  }

  serve(socket: Socket): void {
    if (!this.#sockets.admit(socket)) {
      socket.write(wire.diagnostic({ severity: 'FATAL', code: '53300', message: 'sorry, too many clients already' }));
      return bidFarewell(socket);
    }
    void this.#serve(socket); // catches everything
  }

  cancel(wish: CancelWish): boolean | Promise<boolean> {
    return wish.kind === 'by-secret' && this.#cancelKeys.cancel(wish.connection, wish.secret);
  }

  async close(reason: string): Promise<void> {
    for (const connection of [...this.#connections]) connection.end('57P01', reason);
    this.#idle.close();
    for (const source of this.#catalogueSources) source.close();
    await this.#sockets.close();
  }

  async #serve(socket: Socket): Promise<void> {
    const line: Line = { socket, tls: false };
    try {
      await this.#welcome(line);
    } catch (thrown) {
      this.#services.log.debug({ err: messageOf(thrown), client: socket.remoteAddress }, 'a client was turned away');
      const words =
        thrown instanceof SignInRefused
          ? thrown.diagnostic
          : wire.diagnostic({ severity: 'FATAL', code: '08P01', message: messageOf(thrown) });
      if (!line.socket.destroyed && line.socket.writable) line.socket.end(words);
      bidFarewell(line.socket);
    }
  }

  async #welcome(line: Line): Promise<void> {
    const overall = new AbortController();
    const gone = () => overall.abort(new Fault('protocol-violation', 'the client is gone'));
    const accepted = line.socket.once('close', gone);
    const late = () => overall.abort(new Fault('limit-reached', 'sign-in took too long'));
    let timer = setTimeout(late, this.#limits.handshakeTimeoutMs);
    try {
      const welcomed = welcome(line, this.#services, overall.signal, () => {
        clearTimeout(timer);
        timer = setTimeout(late, browserSignInMsMax);
      });
      const arrival = await orAborted(welcomed, overall.signal); // also when whoever keeps people and tokens does not answer
      clearTimeout(timer);
      if (arrival.kind === 'cancel') {
        const wish: CancelWish = { kind: 'by-secret', connection: arrival.processId, secret: arrival.secret };
        // Clients wait for the end of the connection: what they send then must not be what is cancelled.
        if (!(await this.cancel(wish))) await this.#services.cancelElsewhere?.(wish);
        line.socket.destroySoon();
        return;
      }
      arrival.client.socket.on('error', () => undefined);
      const unwatch = whenGone(arrival.client.socket, gone);
      await this.#open(arrival.client, overall.signal, unwatch);
    } finally {
      clearTimeout(timer);
      accepted.off('close', gone); // a relay hears of it by itself
    }
  }

  /** A person is signed in: find the target, open the session, sign in to the target, relay. */
  async #open(client: SignedIn, gone: AbortSignal, unwatch: () => void): Promise<void> {
    const { socket, principal } = client;
    const { target, database } = this.#wanted(client);
    const lane: Lane = {
      signal: gone,
      onHold: (notice: HoldNotice) => void socket.write(holdNotice(notice, this.#services.clock.nowMs())),
    };
    const facts = { clientAddress: socket.remoteAddress ?? '', tls: client.tls, method: client.method, database };
    const opened = await this.#services.sessions.open({ principal, target, facts, tokenId: client.tokenId }, lane);
    if (opened.kind === 'refuse')
      throw new SignInRefused(sqlState[opened.refusal.reason], refusalWords(opened.refusal), opened.refusal.hint);
    const { session } = opened;
    try {
      await this.#judgeStartup(session, client.parameters);
      if (socket.destroyed) throw new Fault('protocol-violation', 'the client is gone');
      await this.#relay(client, session, target, database, lane, unwatch);
    } catch (thrown) {
      session.close(messageOf(thrown));
      throw thrown;
    }
  }

  async #relay(client: SignedIn, session: Session, target: Target, database: string, lane: Lane, unwatch: () => void): Promise<void> {
    const { socket, parameters } = client;
    const { role } = session;
    const asked = Object.entries(parameters).filter(([name]) => name !== 'user' && name !== 'database' && !name.startsWith('_pq_.'));
    // With the sign-in, so that RESET ROLE would come back to it; last, so that it counts.
    const passedOn = Object.fromEntries(role === undefined ? asked : [...asked, ['role', role]]);
    const person = session.principal.name;
    const signingIn = within(this.#limits.targetTimeoutMs, [lane.signal, session.ended], (signal) =>
      this.#services.credentials.signingIn(target, signal, async (filled) => {
        const reuse = { person, target: filled, database, parameters: passedOn };
        // DISCARD ALL, which makes a connection new for the next one, goes back to the account's own role.
        const isReusable = role === undefined && !isReplication(parameters);
        const kept = isReusable ? this.#idle.take(reuse) : null;
        if (kept !== null) return kept;
        const fresh = await signInWith(this.#services, filled, database, passedOn, signal);
        return isReusable ? this.#idle.fresh(fresh, reuse) : fresh;
      }),
    );
    const upstream = await signingIn.catch((thrown: unknown) => {
      const what = thrown instanceof TargetRefused ? 'a target refused a sign-in' : 'a target could not be reached';
      this.#services.log.warn({ target: target.name, err: messageOf(thrown) }, what);
      throw notSignedIn(target, thrown);
    });
    const statuses = [...upstream.parameters].map(([name, value]) => wire.parameterStatus(name, value));
    if (isReplication(parameters)) {
      if (role !== undefined) {
        upstream.stream.destroy();
        throw new SignInRefused('42501', `this session runs as role ${role}, which replication knows nothing of`, null);
      }
      const greeting = Buffer.concat([...statuses, wire.readyForQuery(0x49)]);
      const refusal = await relayReplication(socket, upstream.stream, session, lane, parameters, greeting, unwatch);
      upstream.stream.destroy();
      session.close('the replication connection ended');
      if (refusal !== null) throw refusedStart(refusalError(refusal, '', 'FATAL'), refusal.message);
      bidFarewell(socket);
      return;
    }
    const catalogue = this.#catalogue(target, database);
    await catalogue.refresh();
    if (lane.signal.aborted || socket.destroyed) {
      upstream.stream.destroy();
      throw new Fault('protocol-violation', 'the client is gone');
    }
    let key: CancelKey | null = null;
    const connection: Connection = new Connection({
      client: socket,
      target: upstream.stream,
      session,
      catalogue,
      clock: this.#services.clock,
      limits: { maxBytes: (type) => this.#maxBytes(type) },
      failing: this.#failing,
      heartbeat: wire.parameterStatus('server_version', upstream.parameters.get('server_version') ?? ''),
      heldBytesMax: this.#limits.heldBytesMax,
      reading: this.#reading.share(session.principal.name),
      cancelTarget: () => this.#cancelTarget(target, upstream),
      giveBack: (stream) => void this.#idle.giveBack(upstream, stream), // never rejects
      gone: () => {
        if (key !== null) this.#cancelKeys.revoke(key);
        this.#connections.delete(connection);
      },
    });
    this.#connections.add(connection);
    const { settings } = connection.machine;
    for (const [name, value] of upstream.parameters) settings.reported(name, value);
    settings.signedIn([...startupSettings(parameters), ...(role === undefined ? [] : [{ name: 'role', value: role }])]);
    connection.machine.reason = startupSettings(parameters).findLast(({ name }) => name.toLowerCase() === reasonSetting)?.value ?? null;
    settings.catalogue(catalogue.current);
    const path = this.#pathAtStart(upstream, catalogue.current);
    if (path !== undefined) settings.pathAtStart(path);
    key = this.#cancelKeys.issue(client.minor, upstream.processId, connection);
    unwatch();
    connection.start(Buffer.concat([...statuses, wire.backendKeyData(key.processId, key.secret), wire.readyForQuery(0x49)]));
  }

  /** `person:target` names the target; else the database does (`orders`, or `orders/analytics` for another of its databases). */
  #wanted(client: SignedIn): { target: Target; database: string } {
    const { wanted, parameters } = client;
    const user = parameters['user'] ?? '';
    const given = parameters['database'] ?? '';
    const asked = given === user ? '' : given; // libpq's default: the user name
    const named = wanted.target;
    const candidates: [string, string | null][] = [];
    if (named !== null) {
      candidates.push([
        named,
        asked === '' || asked === named ? null : asked.startsWith(`${named}/`) ? asked.slice(named.length + 1) : asked,
      ]);
    } else {
      const slash = asked.indexOf('/');
      candidates.push([asked, null]);
      if (slash > 0) candidates.push([asked.slice(0, slash), asked.slice(slash + 1)]);
    }
    for (const [name, database] of candidates) {
      const target = this.#services.targetNamed(name);
      if (target !== undefined) return { target, database: database ?? target.database ?? target.user };
    }
    const name = named ?? asked;
    const what = name === '' ? 'no target was named' : `there is no PostgreSQL target named "${name}"`;
    throw new SignInRefused('3D000', what, 'Name the target as the database: psql -d TARGET, or -U person:target.');
  }

  /** Settings in the start-up packet are judged as the SET statements they are; one that would have to wait is refused. */
  async #judgeStartup(session: Session, parameters: Readonly<Record<string, string>>): Promise<void> {
    for (const setting of startupSettings(parameters)) {
      if (setting.name === 'client_encoding') continue; // the target reports it, and texts that it makes ambiguous are not understood
      const text = asStatement(setting);
      const submission = {
        kind: 'statement' as const,
        text,
        parameters: null,
        digest: () => text,
        mode: { key: 'start-up', settings: {}, catalogue: null },
        transaction: 'none' as const,
        classified: null,
        prepared: null,
      };
      const classification = session.classify(submission);
      if (classification instanceof Promise) throw new SignInRefused('54000', `the start-up setting ${setting.name} is too long`);
      if (session.foresee(submission, classification) === 'allow') continue;
      if ((await session.foreseeSurely?.(submission, classification)) === 'allow') continue;
      throw new SignInRefused(
        '42501',
        `the start-up setting ${setting.name} is not allowed without approval`,
        'Connect without it and run SET in the session.',
      );
    }
  }

  #catalogue(target: Target, database: string): CatalogueEntry {
    const key = `${target.name}/${database}`;
    let entry = this.#catalogues.get(key);
    if (entry === undefined) {
      const { clock, log, random, catalogueChanges } = this.#services;
      const parameters = { application_name: 'sallyport catalogue' };
      const dial = (signal: AbortSignal) => signIn(this.#services, target, database, parameters, signal);
      const source = new CatalogueSource(dial, clock, random, () => log.warn({ target: target.name }, poolerWords));
      entry = new CatalogueEntry((signal) => source.load(signal), clock, log, catalogueChanges?.(target.name, database));
      this.#catalogueSources.push(source);
      this.#catalogues.set(key, entry);
    }
    return entry;
  }

  /** The account's search_path when the connection began, as far as the catalogue of then tells: one that is used again keeps it. */
  #pathAtStart({ secret }: Upstream, catalogue: Catalogue | null): string | undefined {
    const now = (catalogue?.content as SqlCatalogue | undefined)?.searchPath;
    const path = this.#paths.get(secret) ?? now;
    if (path !== undefined) this.#paths.set(secret, path);
    return path;
  }

  #cancelTarget(target: Target, upstream: Upstream): Promise<void> {
    const signal = AbortSignal.timeout(this.#limits.targetTimeoutMs);
    return cancel(this.#services, target, upstream, signal).catch((thrown: unknown) => {
      this.#services.log.warn({ target: target.name, err: messageOf(thrown) }, 'a running statement could not be cancelled');
    });
  }

  #maxBytes(type: number): number {
    switch (type) {
      case wire.fromClient.query:
      case wire.fromClient.parse:
        return this.#limits.statementBytesMax;
      case wire.fromClient.bind:
      case wire.fromClient.copyData:
      case wire.fromClient.functionCall:
        return this.#limits.bindBytesMax;
      default:
        return smallMessageBytesMax;
    }
  }
}

/** The target's own code, detail and hint where they are the client's business. */
function notSignedIn(target: Target, thrown: unknown): SignInRefused {
  const words = unreachable(target, thrown);
  const error = clientsBusiness(thrown);
  if (error === null) return new SignInRefused('08001', words, 'Tell the operator of the gateway.');
  return new SignInRefused(error.code, words, error.hint, error.detail);
}

function refusedStart(diagnostic: Buffer, message: string): SignInRefused {
  const refused = new SignInRefused('42501', message);
  return Object.assign(refused, { diagnostic });
}
