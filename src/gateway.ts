// The composition root: builds every part from the configuration, passes the parts to each other, listens, and takes
// everything down again. No logic of its own; the only place that knows concrete classes across folders.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { createMysqlClassifier } from '../policies/classify/mysql/classifier.ts';
import { createPostgresClassifier } from '../policies/classify/postgres/classifier.ts';
import { createMasker } from '../policies/masking/masker.ts';
import { createShellClassifier } from '../policies/classify/shell/classifier.ts';
import { formatProblem } from '../policies/engine/load.ts';
import { clientAddressOf } from './api/client-address.ts';
import { ownOrigins } from './api/guard.ts';
import { limitConnections } from './api/connection-limits.ts';
import { listenApi } from './api/listen.ts';
import { createApi } from './api/server.ts';
import { createAccessDesk } from './approvals/access-requests.ts';
import { createHolds } from './approvals/holds.ts';
import { apiAccess, joinAccess } from './composition/access.ts';
import { answerTimes } from './composition/answer-times.ts';
import { apiAgents, apiAudit, apiHolds, apiSessions } from './composition/api-services.ts';
import { apiRecordings } from './composition/api-recordings.ts';
import { openChannels } from './composition/channels.ts';
import { openTls } from './composition/certificate-files.ts';
import { openCredentials } from './composition/credentials.ts';
import { listenProtocols, type GatewayAddresses } from './composition/listen-protocols.ts';
import { inWords, openDataDirectory } from './composition/data-directory.ts';
import { withDatabaseRoles } from './composition/database-roles.ts';
import { apiDelegations, openDelegations } from './composition/delegations.ts';
import { openOnCall } from './composition/on-call.ts';
import { openRelays } from './composition/open-relays.ts';
import type { Relays } from './composition/relays.ts';
import { openEstimates, openPreviews } from './composition/previewers.ts';
import { openAccounts, openScim, withSecondFactor } from './composition/people.ts';
import { joinPeople } from './composition/people-changes.ts';
import { newestEventMs } from './composition/newest-event.ts';
import { apiShapes, openShapes } from './composition/shapes.ts';
import { TokenActivity } from './composition/token-activity.ts';
import { systemRandom } from './composition/system-random.ts';
import { joinWebhooks } from './composition/webhook-events.ts';
import { apiPolicies } from './composition/policy-history.ts';
import { openPolicySource } from './composition/policy-source.ts';
import { logOfHolds } from './composition/log-of-holds.ts';
import { noteRefusing } from './composition/log-refusing.ts';
import { Meter } from './composition/meter.ts';
import { serveMetrics } from './composition/metrics-listener.ts';
import { followSecretFiles } from './composition/secret-files.ts';
import { openFilesMax, openFilesWarning } from './composition/start-warnings.ts';
import { Teardown } from './composition/teardown.ts';
import { makeUnsignedTls } from './composition/unsigned-tls.ts';
import { openAuditLog } from './audit/log.ts';
import { appendNow } from './core/append-now.ts';
import { eventWithoutSession, type AuditEvent, type AuditEventType } from './core/audit.ts';
import type { Config } from './config/config.ts';
import { setBusyPoll } from './core/busy-poll.ts';
import type { Clock, Random } from './core/clock.ts';
import type { LocalDriverServices, Log } from './core/driver.ts';
import { Fault } from './core/errors.ts';
import type { Classifier } from './core/policy.ts';
import type { Protocol } from './core/target.ts';
import { Gate } from './gate/gate.ts';
import { createIdentity } from './identity/identity.ts';
import type { Identity } from './identity/identity.ts';
import { openRecordings } from './recordings/recordings.ts';
import { World } from './relay/world.ts';
import { createHistories } from './sessions/histories.ts';
import { allMigrations } from './composition/migrations.ts';
import { keepEndsOfLog } from './composition/ends-in-log.ts';
import { endLeftOpen } from './composition/lost-sessions.ts';
import { SessionRegistry } from './sessions/registry.ts';
import { SteadyBook } from './sessions/steady-book.ts';
import { openAgentStore } from './store/agents.ts';
import { openDatabase } from './store/database.ts';
import { serverSecret } from './store/server-secrets.ts';
import { openSessionHistory } from './store/session-history.ts';
import { createSessionStore } from './store/sessions.ts';
import { createTargets } from './targets/catalogue.ts';
import { dial } from './targets/dial.ts';
import { openAgents } from './tunnel/open-agents.ts';

export const version = '0.1.0';

export interface RunningGateway {
  readonly addresses: Readonly<GatewayAddresses>;
  readonly identity: Identity;
  /** Ends every session in words, writes what is buffered, and resolves when nothing is left. Idempotent. */
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  /** The built console; dist/console of this checkout otherwise. */
  readonly consoleDir?: string;
}

const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const builtConsole = fileURLToPath(new URL('../dist/console', import.meta.url));

/** Starts a gateway. Throws Fault with words for the operator; nothing is left running then. */
export async function startGateway(config: Config, options: GatewayOptions = {}): Promise<RunningGateway> {
  const down = new Teardown();
  try {
    return await build(config, options, down);
  } catch (thrown) {
    await down.run();
    throw inWords(thrown, config.dataDir);
  }
}

async function build(config: Config, options: GatewayOptions, down: Teardown): Promise<RunningGateway> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom();
  const log = options.log ?? pino({ level: config.log.level }, pino.destination({ dest: 2, sync: false }));
  const tls = openTls(config, { clock, log }, down);
  followSecretFiles(config.secretFiles, { clock, log }, down);
  let consoleUrl = config.publicUrl ?? ''; // with port 0 known only when the gateway listens
  const publicUrl = () => consoleUrl;
  const world = new World();
  const meter = new Meter();
  let relays: Relays | null = null;
  const flushRelays = async (sessionId: string | null) => relays?.flush(sessionId);
  setBusyPoll(config.busyPollUs);
  const warnings = [...config.warnings, openFilesWarning(openFilesMax(), config.limits.connections)];
  for (const warning of warnings) if (warning !== null) log.warn({}, warning);
  openDataDirectory(config.dataDir);

  const audit = await openAuditLog({
    dir: join(config.dataDir, 'audit'),
    durability: config.audit.durability,
    clock,
    onRefusing: noteRefusing(log, meter),
    onFailed: (fault) => {
      meter.auditRefuses(fault.message);
      log.error({ err: fault.message }, 'the audit log cannot be written: sessions end');
      registry.endWhere(() => true, 'the audit log cannot be written');
    },
  });
  down.add(() => audit.close());
  const newestMs = await newestEventMs({ audit, clock, log });
  const event = (type: AuditEventType, detail: AuditEvent['detail']) =>
    audit.appendSoon(eventWithoutSession(type, clock.nowMs(), null, detail));
  const db = openDatabase(join(config.dataDir, 'sallyport.db'), allMigrations, config.audit.durability);
  down.add(() => db.close());
  await keepEndsOfLog({ audit, db, log, newestEventMs: newestMs });
  const { people, rights } = config;
  const identity = createIdentity({
    ...{ db, clock, random, audit, people, rights, publicUrl },
    tokenTtlMsMax: config.limits.tokenLifetimeMs,
    newestEventMs: newestMs,
  });
  down.add(() => identity.close());
  const onCall = openOnCall({ schedules: config.onCall, identity, clock, log });
  down.add(() => onCall.close());
  const accounts = openAccounts(config, { identity, db, clock, random, audit, log, publicUrl, newestEventMs: newestMs });

  const policies = await openPolicySource(config, down, {
    onLoaded: (set) => {
      log.info({ version: set.version }, 'policies loaded');
      world.changed();
      policiesLoadedAtMs = clock.nowMs();
      policyHistory.noteLoaded();
      event('policy.loaded', { version: set.version });
      access.rejudge();
      registry.judgeAgain();
      gate.judgeWaitingAgain();
    },
    onRejected: (problems) => {
      const words = problems.map(formatProblem);
      log.warn({ problems: words }, 'a version of the policies was not taken; the last good one stays in force');
      event('policy.rejected', { problems: words.slice(0, rejectedProblemsLogged) });
    },
    onPutBack: (set) => log.info({ version: set.version }, 'the policies are those in force again'),
  });
  let policiesLoadedAtMs = clock.nowMs();
  const policyHistory = apiPolicies(
    db,
    log,
    () => policies,
    () => policiesLoadedAtMs,
  );
  policyHistory.noteLoaded();

  const delegations = openDelegations({ db, clock, random, audit, identity, newestEventMs: newestMs });
  down.add(() => delegations.close());
  const holds = createHolds({
    lendersOf: (name) => delegations.lendersOf(name),
    db,
    clock,
    random,
    audit,
    log,
    readLog: logOfHolds(audit, log),
    newestEventMs: newestMs,
    limits: {
      pendingMax: config.limits.holds,
      pendingPerPersonMax: config.limits.holdsPerPerson,
      bytesMax: config.limits.holdsBytes,
      bytesPerPersonMax: config.limits.holdsBytesPerPerson,
    },
    get consoleUrl() {
      return consoleUrl;
    },
  });
  down.add(() => holds.close('the gateway stops'));
  const recordings = openRecordings({
    dir: join(config.dataDir, 'recordings'),
    clock,
    onFailed: (sessionId, fault) => registry.live(sessionId)?.end(`the recorder failed: ${fault.message}`),
  });
  down.add(() => recordings.close());
  const classifiers = await buildClassifiers(down, log);
  const classifierOf = (protocol: Protocol): Classifier => {
    const classifier = classifiers[protocol];
    if (classifier === undefined) throw new Fault('classifier-failed', `there is no classifier for ${protocol}`);
    return classifier;
  };
  const targets = createTargets(config.targets);
  const access = createAccessDesk({
    ...{ db, clock, random, audit, log },
    policies: () => policies.current(),
    person: (name) => identity.person(name),
    targetNamed: (name) => targets.named(name),
    isSessionOpen: (id) => registry.live(id) !== undefined,
    newestEventMs: newestMs,
  });
  down.add(() => access.close());
  access.on(() => world.changed());
  const shapes = openShapes({
    db,
    clock,
    random,
    audit,
    log,
    classifierOf,
    holds,
    newestEventMs: newestMs,
    person: (name) => identity.person(name),
  });
  down.add(() => shapes.close());
  let maskKey: Buffer = Buffer.alloc(0);
  const masker = await createMasker((count) => (maskKey = random.bytes(count)));
  down.add(() => masker.close());
  const histories = createHistories(openSessionHistory(db), clock);
  const judging = { classifierOf, policies: () => policies.current(), holds, masker, audit, clock };
  const estimator = openEstimates({ classifierOf, log }, () => services);
  const gate = new Gate({ ...judging, grants: access, histories, shapes, estimator });
  const book = createSessionStore(db);
  await endLeftOpen({ audit, book, clock, newestEventMs: newestMs });
  const steadyBook = new SteadyBook(book, log);
  down.add(() => steadyBook.close());
  const registry = new SessionRegistry({
    gate,
    classifierOf,
    audit,
    recordings,
    book: meter.reading(steadyBook),
    clock,
    random,
    personNow: (name) => identity.person(name),
    isTokenLive: (id) => identity.token(id) !== null,
  });
  down.add(() => registry.close('the gateway stops'));
  const activity = new TokenActivity((sessionId) => registry.live(sessionId));
  const rejudgeHolds = joinPeople({ identity, world, registry, gate, holds, access, shapes });

  const lendersOf = (name: string) => delegations.lendersOf(name);
  const channels = openChannels({ config, db, clock, random, audit, log, identity, holds, access, shapes, lendersOf, onCall, publicUrl });
  holds.on(({ kind, hold }) => {
    meter.hold(hold, kind === 'placed');
    if (kind === 'placed') activity.held(hold);
  });
  const sessions = apiSessions(registry, book, (id) => holds.waitingIn(id).length);
  joinWebhooks({ webhooks: channels.webhooks, shapes, sessions, consoleUrl: publicUrl });
  joinAccess({ access, registry, gate, webhooks: channels.webhooks, consoleUrl: publicUrl, nowMs: () => clock.nowMs() });
  identity.forgetStrangers();
  await holds.recover(); // what an earlier run left pending ends, and whoever was told of it hears that
  rejudgeHolds(); // those that go on waiting, by the people of this configuration
  gate.remember(holds.lasting());
  await access.recover();
  channels.queue.start();
  down.add(() => channels.close());

  const credentials = openCredentials({
    config: config.credentials,
    db,
    targets,
    clock,
    random,
    log,
    event: (type, detail, who) => appendNow(audit, { ...eventWithoutSession(type, clock.nowMs(), null, detail), ...who }),
  });
  down.add(() => credentials.close());
  const agentSecret = serverSecret(db, 'agent-credentials', random);
  const agents = openAgents({ store: openAgentStore(db), secret: agentSecret, clock, random, audit, log, ...config.agents });
  const databaseOf = (sessionId: string) => book.get(sessionId)?.database ?? null;
  const previews = openPreviews({ holds, classifierOf, targetNamed: (name) => targets.named(name), databaseOf, clock }, () => services);
  const addresses: GatewayAddresses = { http: '' };
  const sshPublicKey = (name: string) =>
    addresses.ssh === undefined ? null : readFileSync(join(config.dataDir, `${name}.pub`), 'utf8').trim();
  const api = await createApi({
    identity,
    accounts,
    scim: openScim(config, { identity, db, clock, random, audit, log, publicUrl }),
    tokenActivity: (tokenId) => activity.of(tokenId),
    holds: apiHolds(holds, previews, lendersOf, onCall),
    answerTimes: (sinceMs) => answerTimes(db, sinceMs),
    delegations: apiDelegations(delegations, identity, channels.newcomers),
    onCall,
    access: apiAccess(access, (name) => mayOperate(identity, name)),
    shapes: apiShapes(shapes, (name) => mayOperate(identity, name)),
    sessions,
    recordings: apiRecordings(recordings, audit, clock, flushRelays),
    audit: apiAudit(audit, () => flushRelays(null)),
    policies: policyHistory,
    targets,
    agents: apiAgents(agents),
    credentials: credentials.api,
    webhooks: channels.queue,
    channels: channels.api,
    gateway: {
      version,
      publicUrl,
      addressOf: (protocol) => addresses[protocol] ?? null,
      sshHostKey: () => sshPublicKey('ssh_host_ed25519_key'),
      sshUserAuthority: () => sshPublicKey('ssh_user_authority'),
      tls,
      isReady: () => meter.auditFailing === null,
      behindProxy: config.listen.http.behindProxy,
      consoleDir: options.consoleDir ?? builtConsole,
    },
    clock,
    log,
  });
  down.add(() => api.close());
  down.add(() => agents.close());
  agents.accept(api.server, {
    isOwnOrigin: (origin) => ownOrigins(api, publicUrl(), tls !== null).has(origin),
    addressOf: ({ headers, socket }) => clientAddressOf({ ip: socket.remoteAddress ?? '', headers }, config.listen.http.behindProxy),
  });
  limitConnections(api.server, { ...config.limits, behindProxy: config.listen.http.behindProxy });
  addresses.http = httpAddress(await listenApi(api, { ...config.listen.http, tls: tls !== null }), tls !== null);
  if (config.publicUrl === null) consoleUrl = addresses.http;

  const services: Omit<LocalDriverServices, 'targetNamed'> = {
    signIns: identity,
    sessions: withDatabaseRoles(activity.watch(registry, withSecondFactor(accounts)), access),
    dial: async (target, signal) => {
      const stream = await (target.agent ? agents.dial : dial)(target, signal, config.limits.dialTimeoutMs);
      credentials.desk.dialled(target, stream);
      return stream;
    },
    credentials: credentials.desk,
    tls,
    unsignedTls: config.makesCertificate ? makeUnsignedTls({ clock, random }) : null,
    allowPlaintext: config.allowPlaintext,
    clock,
    random,
    log,
  };
  const relayed = { audit, world, maskKey, services, identity, gate, access, histories, policies, targets, credentials, agents };
  relays = await openRelays(config, { ...relayed, clock, random, log }, down);
  await listenProtocols(config, { services, targets, relays }, addresses, down);
  const measured = { version, meter, holds, audit, policies, agents, tls, clock };
  await serveMetrics(config, measured, addresses, down);
  event('gateway.started', { version, policy: policies.current().version });
  down.add(() => event('gateway.stopped', { version }));
  return { addresses, identity, close: () => down.run() };
}

/** Problems of a rejected policy version that the audit log keeps; the gateway's own log has all. */
const rejectedProblemsLogged = 20;

async function buildClassifiers(down: Teardown, log: Log): Promise<Partial<Record<Protocol, Classifier>>> {
  const postgres = await createPostgresClassifier({ onMisread: (words) => log.error({}, words) });
  down.add(() => postgres.close());
  return { postgres, mysql: createMysqlClassifier(), ssh: createShellClassifier() };
}

function mayOperate(identity: Identity, name: string): boolean {
  const person = identity.person(name);
  return person !== null && identity.rights(person).includes('operate');
}

function httpAddress({ host, port }: { host: string; port: number }, secure: boolean): string {
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
