// A relay thread: drivers of databases on ports that all threads share, with a gate for what is plainly allowed. Everything else, and
// whatever has a memory of its own, is asked of the main thread (relays.ts). It ends when it is told to, or with the main thread.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import pino from 'pino';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { loadPolicies, versionOf } from '../../policies/engine/load.ts';
import { createMasker } from '../../policies/masking/masker.ts';
import { joinAuditLog } from '../audit/joined.ts';
import type { ListenAddress } from '../config/config.ts';
import { setBusyPoll } from '../core/busy-poll.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Driver, DriverServices, Log } from '../core/driver.ts';
import { Fault } from '../core/errors.ts';
import { ServerTls } from '../core/server-tls.ts';
import type { Classifier } from '../core/policy.ts';
import type { Protocol } from '../core/target.ts';
import { openRecordings } from '../recordings/recordings.ts';
import { joinAcceptCounts } from '../relay/accept-counts.ts';
import { Calls } from '../relay/calls.ts';
import type { Port } from '../relay/calls.ts';
import { cancelHandlers, remoteCancelling } from '../relay/cancelling.ts';
import { joinChanges } from '../relay/change-counts.ts';
import { remoteCredentials } from '../relay/credentials.ts';
import { remoteDialling } from '../relay/dialling.ts';
import { receivedTarget } from '../relay/sent-target.ts';
import { remoteSignIns } from '../relay/sign-ins.ts';
import { ThreadJudging } from '../relay/thread-judging.ts';
import { ThreadPolicies } from '../relay/thread-policies.ts';
import { ThreadSessions } from '../relay/thread-sessions.ts';
import { watchHandlers, watchOver } from '../relay/watch.ts';
import { worldReader } from '../relay/world.ts';
import { createTargets } from '../targets/catalogue.ts';
import { dial } from '../targets/dial.ts';
import { databaseDriver } from './database-drivers.ts';
import type { DatabaseProtocol } from './database-drivers.ts';
import { listenBacklog } from './listen-driver.ts';
import { noteRefusing } from './log-refusing.ts';
import { openTemplateReaders } from './policy-source.ts';
import type { MainMethods, RelayThreadData, ThreadMethods } from './relay-methods.ts';

/** Clients have heard why by then, or will not. */
const givingUpMsMax = 5_000;

const data = workerData as RelayThreadData;
setBusyPoll(data.busyPollUs);
const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const random: Random = { bytes: (count) => randomBytes(count) };
const log: Log = pino({ level: data.logLevel }, pino.destination({ dest: 2, sync: false })).child({ thread: data.index });

const audit = joinAuditLog(data.audit, {
  clock,
  onFailed: (fault) => {
    log.error({ err: fault.message }, 'the audit log cannot be written: sessions end');
    sessions.endWhere(() => true, 'the audit log cannot be written');
  },
  onRefusing: noteRefusing(log, null),
});
const recordings = openRecordings({
  dir: data.recordingsDir,
  clock,
  onFailed: (sessionId, fault) => sessions.endWhere((id) => id === sessionId, `the recorder failed: ${fault.message}`),
});
const classifiers: Partial<Record<Protocol, Classifier>> = {
  postgres: await createPostgresClassifier({ onMisread: (words) => log.error({}, words) }),
  mysql: createMysqlClassifier(),
};
const classifierOf = (protocol: Protocol): Classifier => {
  const classifier = classifiers[protocol];
  if (classifier === undefined) throw new Fault('classifier-failed', `a relay thread does not read ${protocol}`);
  return classifier;
};
const tls = data.tls === null ? null : new ServerTls(data.tls);
const unsignedTls = data.unsignedTls === null ? null : new ServerTls(data.unsignedTls);
const masker = await createMasker(() => Buffer.from(data.maskKey));
const { readers } = await openTemplateReaders();
const drivers = new Map<DatabaseProtocol, Driver>();
const servers: Server[] = [];

const calls: Calls<MainMethods, ThreadMethods> = new Calls<MainMethods, ThreadMethods>(mainPort(), {
  'session.end': (given, asked) => sessions.handlers['session.end'](given, asked),
  'session.unchanged': (given, asked) => sessions.handlers['session.unchanged'](given, asked),
  'session.notice': (given, asked) => sessions.handlers['session.notice'](given, asked),
  'session.become': (given, asked) => sessions.handlers['session.become'](given, asked),
  flush: (given, asked) => sessions.handlers.flush(given, asked),
  ...cancelHandlers(() => [...drivers.values()]),
  ...watchHandlers,
  listen: ({ protocol, address }) => listen(protocol, address),
  certificate: (pem) => tls?.replace(pem),
  stop: ({ reason }) => stop(reason),
});

const policies = new ThreadPolicies({
  calls,
  compile: ({ version, files }) => {
    const loaded = loadPolicies(files, readers, version.slice(versionOf(files).length));
    return loaded.ok && loaded.set.version === version ? loaded.set : null;
  },
  log,
});
const judging = new ThreadJudging({ calls, policies, world: worldReader(data.world), classifierOf, masker, audit, clock });
const sessions: ThreadSessions = new ThreadSessions({ judging, recordings, flushRecording: (id) => recordings.flush(id) });
await policies.load();
calls.note('ready', null);
watchOver(() => calls.ask('alive', null), giveUp);

function mainPort(): Port {
  if (parentPort === null) throw new Error('a relay thread is started by the gateway');
  return parentPort;
}

function services(protocol: DatabaseProtocol): DriverServices {
  const targets = createTargets(data.targets.map(receivedTarget).filter((it) => it.protocol === protocol));
  const credentials = remoteCredentials(calls);
  return {
    signIns: remoteSignIns(calls),
    sessions,
    targetNamed: (name) => targets.named(name),
    targets: () => targets.list(),
    dial: remoteDialling(calls, { ...credentials, dial: (target, signal) => dial(target, signal, data.dialTimeoutMs) }),
    credentials,
    cancelElsewhere: remoteCancelling(calls),
    catalogueChanges: joinChanges(data.catalogueChanges),
    tls,
    unsignedTls,
    allowPlaintext: data.allowPlaintext,
    clock,
    random,
    log,
  };
}

async function listen(protocol: DatabaseProtocol, address: ListenAddress): Promise<number> {
  const counts = joinAcceptCounts(data.counts[protocol], data.index);
  const driver = databaseDriver(protocol, services(protocol), data.limits, counts);
  drivers.set(protocol, driver);
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => driver.serve(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...address, backlog: listenBacklog, reusePort: true }, resolve);
  });
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

/** The main thread stands still, and nobody waits for it for ever: this thread ends, and is started again if that one goes on. */
function giveUp(): void {
  const reason = 'the gateway does not answer: its main thread has stood still for a minute';
  log.error({}, `${reason}; this relay thread ends`);
  calls.close(new Fault('limit-reached', reason));
  void Promise.race([stop(reason).catch(() => undefined), delay(givingUpMsMax)]).then(() => process.exit(1)); // of this thread
}

async function stop(reason: string): Promise<void> {
  for (const server of servers) server.close();
  await Promise.all([...drivers.values()].map((driver) => driver.close(reason)));
  judging.close();
  await recordings.close();
  await audit.close();
}
