// The MySQL front: takes accepted sockets, signs people in, finds the target, opens the session and the link to the target,
// and lets a Connection relay. Nothing is judged here.

import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { AcceptedSockets, type AcceptLimits } from '../../src/core/accepted-sockets.ts';
import type { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { CancelWish, Driver, DriverServices } from '../../src/core/driver.ts';
import { within } from '../../src/core/deadline.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { bidFarewell } from '../../src/core/farewell.ts';
import { orAborted, whenGone } from '../../src/core/read-exactly.ts';
import { Reading, type ReadingLimits } from '../../src/core/reading.ts';
import type { HoldNotice } from '../../src/core/ruling.ts';
import type { Lane, Session } from '../../src/core/session.ts';
import type { Target } from '../../src/core/target.ts';
import { refusalWords } from '../../src/core/words.ts';
import { makeDeferred } from './beginning.ts';
import { writePacket } from './byte-stream.ts';
import { extendedFlag, flag, has, type Capabilities } from './capabilities.ts';
import type { AttributeUse } from './query-attributes.ts';
import { CompressedStream } from './compression.ts';
import { ConnectionIds } from './connection-ids.ts';
import { Connection } from './connection.ts';
import { destinationOf } from './destination.ts';
import { endings } from './endings.ts';
import { SignInRefused, tell, welcome, welcomeAgain, type Line, type SignedIn, type WelcomeOptions } from './handshake.ts';
import * as wire from './messages.ts';
import { OwnConnections } from './own-connections.ts';
import { clientGone, Presence } from './presence.ts';
import { codeOf, holdProgress } from './refusal.ts';
import { ReadyUpstreams, type ReadyUpstream } from './ready-upstreams.ts';
import { Settings } from './settings.ts';
import { numberOf } from './target-refused.ts';
import { chooseTarget, type Choice } from './targetless.ts';
import { unreachable } from './upstream.ts';
import { Versions } from './versions.ts';

export interface MysqlLimits extends AcceptLimits, ReadingLimits {
  /** From the first byte to a sign-in. A held `connect` has its own limit. */
  readonly handshakeTimeoutMs: number;
  /** A connection that has named no target yet. */
  readonly targetlessTimeoutMs: number;
  /** Reaching and signing in to the target. */
  readonly targetTimeoutMs: number;
  /** Longest text of COM_QUERY and COM_STMT_PREPARE. A longer one is refused, and the session goes on. */
  readonly statementBytesMax: number;
  /** Bytes of a client that are read while its statement waits or runs; more is left to the kernel where it can be. */
  readonly heldBytesMax: number;
  /** Longest command, continued packets joined. A longer one ends the connection. */
  readonly payloadBytesMax: number;
}

export const defaultMysqlLimits: MysqlLimits = {
  connectionsMax: 20_000,
  connectionsPerAddressMax: 20_000,
  handshakeTimeoutMs: 30_000,
  targetlessTimeoutMs: 600_000,
  targetTimeoutMs: 15_000,
  statementBytesMax: 16 * 1024 * 1024,
  heldBytesMax: 1024 * 1024,
  readingBytesMax: 256 * 1024 * 1024,
  readingBytesPerPersonMax: 128 * 1024 * 1024,
  payloadBytesMax: 64 * 1024 * 1024,
};

export interface MysqlOptions {
  readonly limits: MysqlLimits;
}

export const defaultMysqlOptions: MysqlOptions = { limits: defaultMysqlLimits };

const rsaBits = 2048;

export function createMysqlDriver(services: DriverServices, options: MysqlOptions = defaultMysqlOptions): Driver {
  return new MysqlDriver(services, options);
}

/** Where a client goes, and what it has said before that was known. */
type Arrival = Pick<Extract<Choice, { kind: 'target' }>, 'destination' | 'deferred' | 'command'> & {
  /** The sign-in is over, and the command that named the target waits for its answer: words may stand in front of it. */
  readonly shows: boolean;
};

class MysqlDriver implements Driver {
  readonly #services: DriverServices;
  readonly #options: MysqlOptions;
  readonly #ids: ConnectionIds;
  readonly #own: OwnConnections;
  readonly #upstreams: ReadyUpstreams;
  readonly #versions: Versions;
  readonly #sockets: AcceptedSockets;
  readonly #reading: Reading;
  readonly #connections = new Set<Connection>();
  #keys: Promise<{ privateKey: KeyObject; publicPem: string }> | null = null;

  constructor(services: DriverServices, options: MysqlOptions) {
    this.#services = services;
    this.#options = options;
    this.#sockets = new AcceptedSockets(options.limits);
    this.#reading = new Reading(options.limits);
    this.#ids = new ConnectionIds(services.random);
    this.#own = new OwnConnections(services, options.limits.targetTimeoutMs);
    this.#upstreams = new ReadyUpstreams(services);
    this.#versions = new Versions(services);
  }

  serve(socket: Socket): void {
    if (!this.#sockets.admit(socket)) {
      writePacket(socket, wire.earlyErr(1040, 'Too many connections'), 0);
      return bidFarewell(socket);
    }
    void this.#serve(socket); // catches everything
  }

  cancel(wish: CancelWish): boolean {
    if (wish.kind !== 'by-person') return false;
    return this.#ids.kill(wish.person, wish.target, wish.connection, wish.ends === 'statement' ? 'query' : 'connection');
  }

  async close(reason: string): Promise<void> {
    for (const connection of [...this.#connections]) connection.end(endings.lost, reason);
    this.#upstreams.close();
    await this.#sockets.close();
  }

  async #serve(socket: Socket): Promise<void> {
    const line: Line = { socket, accepted: socket, fingerprint: null, sequence: 0 };
    const connectionId = this.#ids.issue();
    const presence = new Presence(socket);
    await this.#orTurnAway(line, connectionId, async () => {
      const welcomed = async (signal: AbortSignal) => welcome(line, this.#services, await this.#welcomeOptions(connectionId), signal);
      // Also when whoever keeps people and tokens does not answer.
      const orLate = (signal: AbortSignal) => orAborted(welcomed(signal), signal);
      const late = () => new Fault('limit-reached', 'sign-in took too long');
      const client = await within(this.#options.limits.handshakeTimeoutMs, [presence.signal], orLate, late);
      line.socket.on('error', () => undefined);
      await this.#enter(client, line, null, presence);
    });
  }

  /** Says to the client why it can't go on, and ends its connection. */
  async #orTurnAway(line: Line, connectionId: number, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (thrown) {
      this.#ids.revoke(connectionId);
      this.#services.log.debug({ err: messageOf(thrown), client: line.accepted.remoteAddress }, 'a client was turned away');
      const payload = thrown instanceof SignInRefused ? thrown.payload : wire.err(1043, '08S01', `Bad handshake: ${messageOf(thrown)}`);
      if (!line.socket.destroyed && line.socket.writable) tell(line, payload);
      bidFarewell(line.socket);
    }
  }

  async #welcomeOptions(connectionId: number): Promise<WelcomeOptions> {
    return { version: await this.#versions.shown(), connectionId, rsaKeys: () => this.#rsaKeys() };
  }

  #rsaKeys(): Promise<{ privateKey: KeyObject; publicPem: string }> {
    this.#keys ??= promisify(generateKeyPair)('rsa', { modulusLength: rsaBits }).then(({ privateKey, publicKey }) => ({
      privateKey: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      publicPem: createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }))
        .export({ type: 'spki', format: 'pem' })
        .toString(),
    }));
    return this.#keys;
  }

  /** KILL: of a connection here, else of one in another thread. */
  #kill(person: string, target: string | null, connection: number, what: 'query' | 'connection'): boolean | Promise<boolean> {
    if (this.#ids.kill(person, target, connection, what)) return true;
    const ends = what === 'query' ? 'statement' : 'connection';
    return this.#services.cancelElsewhere?.({ kind: 'by-person', person, target, connection, ends }) ?? false;
  }

  // ---- which target ----

  /** A person is known; finds out where they want to go and takes them there. `before`: the target they come from. */
  async #enter(client: SignedIn, line: Line, before: Target | null, presence: Presence): Promise<void> {
    line.sequence = client.nextSequence;
    const destination = destinationOf(this.#services, client, before);
    if (destination !== null) return await this.#open(client, line, { destination, deferred: [], command: null, shows: false }, presence);
    tell(line, wire.signInOk(wire.status.autocommit, client.voucher));
    this.#compress(client, line);
    const signal = AbortSignal.any([presence.signal, AbortSignal.timeout(this.#options.limits.targetlessTimeoutMs)]);
    line.sequence = 1;
    const killing = { kill: (id: number, what: 'query' | 'connection') => this.#kill(client.principal.name, null, id, what) };
    const choice = await chooseTarget(line.socket, this.#services, client, killing, signal);
    switch (choice.kind) {
      case 'target':
        return await this.#open(client, line, { ...choice, shows: choice.command === null }, presence);
      case 'change-user':
        return await this.#changeUser(client, line, null, choice.argument, presence);
      case 'quit':
        this.#ids.revoke(client.connectionId);
        line.socket.destroySoon();
    }
  }

  /** COM_CHANGE_USER: everything from the proof on, again. What was before is over, whatever comes of it. */
  async #changeUser(client: SignedIn, line: Line, before: Target | null, argument: Buffer, presence: Presence): Promise<void> {
    line.sequence = 1;
    const signal = AbortSignal.any([presence.signal, AbortSignal.timeout(this.#options.limits.handshakeTimeoutMs)]);
    const options = await this.#welcomeOptions(client.connectionId);
    const again = await orAborted(welcomeAgain(line, this.#services, options, client, argument, signal), signal);
    await this.#enter(again, line, before, presence);
  }

  /** From the OK of the first sign-in on, when the client has asked for it. */
  #compress(client: SignedIn, line: Line): void {
    if (client.compression === null || line.socket instanceof CompressedStream) return;
    line.socket = new CompressedStream(line.socket, client.compression, this.#reading.share(client.principal.name));
    line.socket.on('error', () => undefined);
  }

  // ---- the session ----

  async #open(client: SignedIn, line: Line, arrival: Arrival, presence: Presence): Promise<void> {
    const { principal } = client;
    const { target, database } = arrival.destination;
    const unwatch = whenGone(line.socket, presence.left);
    const shows = arrival.shows && showsProgress(client);
    const onHold = (notice: HoldNotice): void => {
      if (!shows || !line.socket.writable) return;
      tell(line, holdProgress(notice, this.#services.clock.nowMs()));
      line.sequence += 1;
    };
    const lane: Lane = { signal: presence.signal, onHold };
    const facts = { clientAddress: client.address, tls: client.tls, method: 'token', database };
    const opened = await this.#services.sessions.open({ principal, target, facts, tokenId: client.tokenId }, lane);
    if (opened.kind === 'refuse') {
      const { number, sqlState } = codeOf(opened.refusal.reason);
      throw new SignInRefused(number, sqlState, refusalWords(opened.refusal));
    }
    const { session } = opened;
    try {
      if (line.socket.destroyed) throw clientGone();
      await this.#relay(client, line, arrival, session, lane, presence, unwatch);
    } catch (thrown) {
      session.close(messageOf(thrown));
      throw thrown;
    }
  }

  async #relay(
    client: SignedIn,
    line: Line,
    arrival: Arrival,
    session: Session,
    lane: Lane,
    presence: Presence,
    unwatch: () => void,
  ): Promise<void> {
    const { target, database } = arrival.destination;
    const ends = [presence.signal, session.ended];
    const wish = { database, charset: client.charset, client: client.capabilities, person: client.principal.name };
    const use = { role: session.role, ownQueriesFollow: arrival.deferred.length > 0 };
    const reached = within(this.#options.limits.targetTimeoutMs, ends, (signal) => this.#upstreams.reach(target, wish, use, signal));
    const upstream = await reached.catch((thrown: unknown) => {
      if (thrown instanceof SignInRefused) throw thrown;
      this.#services.log.warn({ target: target.name, err: messageOf(thrown) }, 'a target could not be reached');
      const { number, sqlState } = numberOf(thrown);
      throw new SignInRefused(number, sqlState, unreachable(target, thrown));
    });
    this.#versions.saw(target.name, upstream.version);
    try {
      const initial = new Settings(upstream.beginning.settings);
      const catalogue = this.#own.catalogue(target);
      await catalogue.refresh();
      initial.catalogue(catalogue.current);
      const settings = await this.#deferred(arrival, session, upstream, initial, lane);
      settings.catalogue(catalogue.current);
      if (presence.signal.aborted || line.socket.destroyed) throw clientGone();
      unwatch();
      this.#start(client, line, arrival, session, upstream, settings, catalogue, presence);
    } catch (thrown) {
      upstream.stream.destroy();
      throw thrown;
    }
  }

  /** Makes the settings that the client was told are made. */
  #deferred({ deferred }: Arrival, session: Session, upstream: ReadyUpstream, initial: Settings, lane: Lane): Settings | Promise<Settings> {
    if (deferred.length === 0) return initial;
    return makeDeferred(deferred, session, upstream, initial, lane, AbortSignal.any([lane.signal, session.ended]));
  }

  #start(
    client: SignedIn,
    line: Line,
    arrival: Arrival,
    session: Session,
    upstream: ReadyUpstream,
    settings: Settings,
    catalogue: CatalogueEntry,
    presence: Presence,
  ): void {
    const { target } = arrival.destination;
    if (arrival.command === null) tell(line, wire.signInOk(upstream.statusFlags, client.voucher));
    this.#compress(client, line);
    const connection: Connection = new Connection({
      client: line.socket,
      numbered: client.compression === null,
      target: upstream.stream,
      targetConnectionId: upstream.connectionId,
      session,
      catalogue,
      clock: this.#services.clock,
      payloadBytesMax: this.#options.limits.payloadBytesMax,
      heldBytesMax: this.#options.limits.heldBytesMax,
      reading: this.#reading.share(client.principal.name),
      settings,
      statusFlags: upstream.statusFlags,
      machine: {
        deprecatesEof: has(upstream.capabilities, flag.deprecateEof),
        clientDeprecatesEof: has(client.capabilities, flag.deprecateEof),
        tracks: has(upstream.capabilities, flag.sessionTrack),
        clientTracks: has(client.capabilities, flag.sessionTrack),
        cachesMetadata: (upstream.capabilities.extended & extendedFlag.cachedMetadata) !== 0,
        clientCachesMetadata: (client.capabilities.extended & extendedFlag.cachedMetadata) !== 0,
        extendsMetadata: (upstream.capabilities.extended & extendedFlag.extendedMetadata) !== 0,
        clientExtendsMetadata: (client.capabilities.extended & extendedFlag.extendedMetadata) !== 0,
        takesBulk: (upstream.capabilities.extended & extendedFlag.bulk) !== 0,
        attributes: attributeUse(client.capabilities, upstream.capabilities),
        statementBytesMax: this.#options.limits.statementBytesMax,
        targetName: target.name,
        targetDatabase: target.database,
        role: session.role ?? null,
      },
      showsProgress: showsProgress(client),
      cancelTarget: () => this.#own.cancel(target, upstream),
      giveBack: (stream) => void this.#upstreams.giveBack(upstream, stream),
      kill: (id, what) => this.#kill(client.principal.name, target.name, id, what),
      gone: () => {
        this.#ids.revoke(client.connectionId);
        this.#connections.delete(connection);
      },
      changeUser: (argument, stream) => {
        line.socket = stream;
        this.#ids.unbind(client.connectionId);
        this.#connections.delete(connection);
        presence.watch();
        void this.#orTurnAway(line, client.connectionId, () => this.#changeUser(client, line, target, argument, presence)); // catches everything
      },
    });
    this.#connections.add(connection);
    this.#ids.bind(client.connectionId, connection);
    presence.rest();
    connection.start(arrival.command);
  }
}

/** It shows progress reports while it waits for an answer. */
function showsProgress({ capabilities }: SignedIn): boolean {
  return (capabilities.extended & extendedFlag.progress) !== 0;
}

/** The target is asked for attributes only for a client that may send them. */
function attributeUse(client: Capabilities, target: Capabilities): AttributeUse {
  if (!has(client, flag.queryAttributes)) return 'none';
  return has(target, flag.queryAttributes) ? 'forwarded' : 'dropped';
}
