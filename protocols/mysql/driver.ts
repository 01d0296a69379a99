// The MySQL front: takes accepted sockets, signs people in, finds the target, opens the session and the link to the target,
// and lets a Connection relay. Nothing is judged here.

import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { Catalogue } from '../../src/core/action.ts';
import { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { Driver, DriverServices } from '../../src/core/driver.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { whenGone } from '../../src/core/read-exactly.ts';
import type { Lane, Session } from '../../src/core/session.ts';
import type { Target } from '../../src/core/target.ts';
import { readPacket, writePacket } from './byte-stream.ts';
import { extendedFlag, flag, has } from './capabilities.ts';
import { catalogueQueries, loadedFunctionsQuery, readCatalogue } from './catalogue.ts';
import { ConnectionIds } from './connection-ids.ts';
import { Connection, endings } from './connection.ts';
import { SignInRefused, welcome, type Line, type SignedIn } from './handshake.ts';
import { killOf } from './commands.ts';
import { trackText } from './own-texts.ts';
import * as wire from './messages.ts';
import { ownQuery, type Row } from './own-query.ts';
import { codeOf } from './refusal.ts';
import { refusalWords } from '../../src/core/words.ts';
import { Settings } from './settings.ts';
import { ownWish, signIn, unreachable, type Upstream } from './upstream.ts';

export interface MysqlLimits {
  /** Connections at once, in all and from one address, those that are still signing in included. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** From the first byte to a sign-in. A held `connect` has its own limit. */
  readonly handshakeTimeoutMs: number;
  /** A connection that has named no target yet. */
  readonly targetlessTimeoutMs: number;
  /** Reaching and signing in to the target. */
  readonly targetTimeoutMs: number;
  /** Longest text of COM_QUERY and COM_STMT_PREPARE. A longer one is refused, and the session goes on. */
  readonly statementBytesMax: number;
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
  payloadBytesMax: 64 * 1024 * 1024,
};

export interface MysqlOptions {
  readonly limits: MysqlLimits;
  /**
   * The version that clients are shown before they have named a target. Null: the version of the targets when all that were
   * reached so far have the same, else a MariaDB one, because only its clients can show that a statement waits.
   */
  readonly serverVersion: string | null;
}

export const defaultMysqlOptions: MysqlOptions = { limits: defaultMysqlLimits, serverVersion: null };

const defaultVersion = '5.5.5-10.11.0-MariaDB-sallyport';
const rsaBits = 2048;
const keepAliveMs = 30_000;
const smallPayloadBytesMax = 64 * 1024;

export function createMysqlDriver(services: DriverServices, options: MysqlOptions = defaultMysqlOptions): Driver {
  return new MysqlDriver(services, options);
}

/** What a client wants once it has named it, and the sequence number that the answer must have. */
interface Choice {
  readonly target: Target;
  readonly database: string | null;
  readonly sequence: number;
}

class MysqlDriver implements Driver {
  readonly #services: DriverServices;
  readonly #options: MysqlOptions;
  readonly #ids: ConnectionIds;
  readonly #catalogues = new Map<string, CatalogueEntry>();
  readonly #versions = new Map<string, string>();
  readonly #sockets = new Set<Socket>();
  readonly #perAddress = new Map<string, number>();
  readonly #connections = new Set<Connection>();
  #keys: Promise<{ privateKey: KeyObject; publicPem: string }> | null = null;

  constructor(services: DriverServices, options: MysqlOptions) {
    this.#services = services;
    this.#options = options;
    this.#ids = new ConnectionIds(services.random);
  }

  serve(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const here = (this.#perAddress.get(address) ?? 0) + 1;
    const { limits } = this.#options;
    socket.on('error', () => undefined); // ends in 'close', which everybody listens to
    if (this.#sockets.size >= limits.connectionsMax || here > limits.connectionsPerAddressMax) {
      writePacket(socket, wire.earlyErr(1040, 'Too many connections'), 0);
      socket.destroySoon();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    this.#sockets.add(socket);
    this.#perAddress.set(address, here);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left <= 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    });
    void this.#serve(socket); // catches everything
  }

  async close(reason: string): Promise<void> {
    for (const connection of [...this.#connections]) connection.end(endings.shutdown, reason);
    const all = [...this.#sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()).destroySoon()));
    await Promise.all(all);
  }

  async #serve(socket: Socket): Promise<void> {
    const line: Line = { socket, tls: false, sequence: 0 };
    const connectionId = this.#ids.issue();
    const gone = new AbortController();
    const leave = (): void => gone.abort(new Fault('protocol-violation', 'the client is gone'));
    socket.once('close', leave);
    try {
      const late = AbortSignal.timeout(this.#options.limits.handshakeTimeoutMs);
      const options = { version: this.#version(), connectionId, rsaKeys: () => this.#rsaKeys() };
      const client = await welcome(line, this.#services, options, AbortSignal.any([gone.signal, late]));
      client.socket.on('error', () => undefined);
      line.sequence = client.nextSequence;
      const choice = await this.#choose(client, line, gone.signal);
      if (choice === null) {
        this.#ids.revoke(connectionId);
        line.socket.destroySoon();
        return;
      }
      line.sequence = choice.sequence;
      const unwatch = whenGone(client.socket, leave);
      await this.#open(client, choice, gone.signal, unwatch);
    } catch (thrown) {
      this.#ids.revoke(connectionId);
      this.#services.log.debug({ err: messageOf(thrown), client: socket.remoteAddress }, 'a client was turned away');
      const payload = thrown instanceof SignInRefused ? thrown.payload : wire.err(1043, '08S01', `Bad handshake: ${messageOf(thrown)}`);
      if (!line.socket.destroyed && line.socket.writable) writePacket(line.socket, payload, line.sequence);
      line.socket.destroySoon();
    }
  }

  #version(): string {
    if (this.#options.serverVersion !== null) return this.#options.serverVersion;
    const seen = new Set(this.#versions.values());
    const [only] = seen;
    return seen.size === 1 && only !== undefined ? only : defaultVersion;
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

  // ---- which target ----

  /** `person:target` names the target; else the database does (`shop`, or `shop/analytics` for another of its databases). */
  #wanted(client: SignedIn): { target: Target; database: string | null } | null {
    const named = client.wanted.target;
    const asked = client.database;
    if (named !== null) {
      const target = this.#services.targetNamed(named);
      if (target === undefined) throw new SignInRefused(1049, '42000', `there is no MySQL target named '${named}'`);
      const own = asked === null || asked === named;
      const database = own ? target.database : asked.startsWith(`${named}/`) ? asked.slice(named.length + 1) : asked;
      return { target, database };
    }
    if (asked === null) return null;
    const found = this.#targetOf(asked);
    if (found === null)
      throw new SignInRefused(
        1049,
        '42000',
        `there is no MySQL target named '${asked}': name the target as the database, or connect as person:target`,
      );
    return found;
  }

  #targetOf(name: string): { target: Target; database: string | null } | null {
    const whole = this.#services.targetNamed(name);
    if (whole !== undefined) return { target: whole, database: whole.database };
    const slash = name.indexOf('/');
    const target = slash > 0 ? this.#services.targetNamed(name.slice(0, slash)) : undefined;
    return target === undefined ? null : { target, database: name.slice(slash + 1) };
  }

  /** With a target named at sign-in at once; else when USE names one. Until then only KILL works, which Ctrl-C needs. */
  async #choose(client: SignedIn, line: Line, gone: AbortSignal): Promise<Choice | null> {
    const wanted = this.#wanted(client);
    if (wanted !== null) return { ...wanted, sequence: client.nextSequence };
    writePacket(line.socket, wire.ok(wire.status.autocommit), client.nextSequence);
    const signal = AbortSignal.any([gone, AbortSignal.timeout(this.#options.limits.targetlessTimeoutMs)]);
    for (;;) {
      const { payload } = await readPacket(line.socket, 0, smallPayloadBytesMax, signal).catch((thrown: unknown) => {
        if (line.socket.readableEnded || line.socket.destroyed) return { payload: Buffer.from([wire.command.quit]) };
        throw thrown;
      });
      line.sequence = 1;
      const text = payload.subarray(1).toString('utf8');
      if (payload[0] === wire.command.quit) return null;
      if (payload[0] === wire.command.initDb) {
        const found = this.#targetOf(text);
        if (found !== null) return { ...found, sequence: 1 };
        writePacket(line.socket, wire.err(1049, '42000', `there is no MySQL target named '${text}'`), 1);
      } else {
        writePacket(line.socket, this.#targetless(client, payload, text), 1);
      }
    }
  }

  #targetless(client: SignedIn, payload: Buffer, text: string): Buffer {
    if (payload[0] === wire.command.ping) return wire.ok(wire.status.autocommit);
    const killed = payload[0] === wire.command.query ? killOf(text) : null;
    if (killed !== null) {
      if (this.#ids.kill(client.principal.name, null, killed.connectionId, killed.what)) return wire.ok(wire.status.autocommit);
      return wire.err(1094, 'HY000', `Unknown thread id: ${killed.connectionId}`);
    }
    return wire.err(
      1046,
      '3D000',
      `no target was named: USE the target, connect with it as the database, or sign in as ${client.principal.name}:TARGET (-u ${client.principal.name}:TARGET, which mysqldump needs)`,
    );
  }

  // ---- the session ----

  async #open(client: SignedIn, choice: Choice, gone: AbortSignal, unwatch: () => void): Promise<void> {
    const { socket, principal } = client;
    const { target, database } = choice;
    const lane: Lane = { signal: gone, onHold: () => undefined }; // no client shows anything before the sign-in is over
    const facts = { clientAddress: socket.remoteAddress ?? '', tls: client.tls, method: 'token', database };
    const opened = await this.#services.sessions.open({ principal, target, facts, tokenId: client.tokenId }, lane);
    if (opened.kind === 'refuse') {
      const { number, sqlState } = codeOf(opened.refusal.reason);
      throw new SignInRefused(number, sqlState, refusalWords(opened.refusal));
    }
    const { session } = opened;
    try {
      if (socket.destroyed) throw new Fault('protocol-violation', 'the client is gone');
      await this.#relay(client, choice, session, gone, unwatch);
    } catch (thrown) {
      session.close(messageOf(thrown));
      throw thrown;
    }
  }

  async #relay(client: SignedIn, choice: Choice, session: Session, gone: AbortSignal, unwatch: () => void): Promise<void> {
    const { target, database } = choice;
    const signal = AbortSignal.any([gone, session.ended, AbortSignal.timeout(this.#options.limits.targetTimeoutMs)]);
    const wish = { database, charset: client.charset, client: client.capabilities, person: client.principal.name };
    const upstream = await signIn(this.#services, target, wish, signal).catch((thrown: unknown) => {
      this.#services.log.warn({ target: target.name, err: messageOf(thrown) }, 'a target could not be reached');
      throw new SignInRefused(2003, 'HY000', unreachable(target, thrown));
    });
    const settings = await this.#settingsOf(upstream, signal).catch((thrown: unknown) => {
      upstream.stream.destroy();
      throw thrown;
    });
    this.#versions.set(target.name, upstream.version);
    const catalogue = this.#catalogue(target);
    await catalogue.refresh();
    settings.catalogue(catalogue.current);
    if (gone.aborted || client.socket.destroyed) {
      upstream.stream.destroy();
      throw new Fault('protocol-violation', 'the client is gone');
    }
    unwatch();
    this.#start(client, choice, session, upstream, settings, catalogue);
  }

  #start(client: SignedIn, choice: Choice, session: Session, upstream: Upstream, settings: Settings, catalogue: CatalogueEntry): void {
    const { target } = choice;
    const connection: Connection = new Connection({
      client: client.socket,
      target: upstream.stream,
      targetConnectionId: upstream.connectionId,
      session,
      catalogue,
      clock: this.#services.clock,
      payloadBytesMax: this.#options.limits.payloadBytesMax,
      settings,
      statusFlags: upstream.statusFlags,
      machine: {
        deprecatesEof: has(upstream.capabilities, flag.deprecateEof),
        tracks: has(upstream.capabilities, flag.sessionTrack),
        clientTracks: has(client.capabilities, flag.sessionTrack),
        statementBytesMax: this.#options.limits.statementBytesMax,
        targetName: target.name,
        targetDatabase: target.database,
      },
      showsProgress: (client.capabilities.extended & extendedFlag.progress) !== 0,
      cancelTarget: () => this.#cancelTarget(target, upstream),
      kill: (id, what) => this.#ids.kill(client.principal.name, target.name, id, what),
      gone: () => {
        this.#ids.revoke(client.connectionId);
        this.#connections.delete(connection);
      },
    });
    this.#connections.add(connection);
    this.#ids.bind(client.connectionId, connection);
    const greeting = Buffer.from([0, 0, 0, choice.sequence & 0xff]);
    const ok = wire.ok(upstream.statusFlags);
    greeting.writeUIntLE(ok.length, 0, 3);
    connection.start(Buffer.concat([greeting, ok]));
  }

  /** What the session begins with, as the target says it. */
  async #settingsOf(upstream: Upstream, signal: AbortSignal): Promise<Settings> {
    if (has(upstream.capabilities, flag.sessionTrack)) await ownQuery(upstream, trackText, signal);
    const text = 'SELECT @@version, @@SESSION.sql_mode, @@SESSION.character_set_client, DATABASE(), @@lower_case_table_names';
    const [row] = await ownQuery(upstream, text, signal);
    const cell = (index: number): string => row?.[index] ?? '';
    return new Settings({
      flavour: cell(0).includes('MariaDB') ? 'mariadb' : 'mysql',
      serverVersion: cell(0),
      sqlMode: cell(1),
      characterSetClient: cell(2),
      database: row?.[3] ?? null,
      lowerCaseTableNames: cell(4),
    });
  }

  #catalogue(target: Target): CatalogueEntry {
    let entry = this.#catalogues.get(target.name);
    if (entry === undefined) {
      entry = new CatalogueEntry((signal) => this.#loadCatalogue(target, signal), this.#services.clock, this.#services.log);
      this.#catalogues.set(target.name, entry);
    }
    return entry;
  }

  async #loadCatalogue(target: Target, signal: AbortSignal): Promise<Catalogue> {
    const upstream = await signIn(this.#services, target, ownWish(null), signal);
    try {
      const routines = await ownQuery(upstream, catalogueQueries.routines, signal);
      const views = await ownQuery(upstream, catalogueQueries.views, signal);
      const triggers = await ownQuery(upstream, catalogueQueries.triggers, signal);
      const loaded = await ownQuery(upstream, loadedFunctionsQuery, signal).catch((): Row[] | null => null);
      return readCatalogue({ routines, views, triggers, loaded }, target.user);
    } finally {
      upstream.stream.destroy();
    }
  }

  /** KILL QUERY over a connection of its own, as the target's clients do. */
  #cancelTarget(target: Target, upstream: Upstream): void {
    const signal = AbortSignal.timeout(this.#options.limits.targetTimeoutMs);
    const cancelled = async (): Promise<void> => {
      const killer = await signIn(this.#services, target, ownWish(null), signal);
      await ownQuery(killer, `KILL QUERY ${upstream.connectionId}`, signal).finally(() => killer.stream.destroy());
    };
    cancelled().catch((thrown: unknown) => {
      this.#services.log.warn({ target: target.name, err: messageOf(thrown) }, 'a running statement could not be cancelled');
    });
  }
}
