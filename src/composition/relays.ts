// Relay threads as the main thread has them: started, listening on ports that they share, asked to end, and started again when one
// dies. What a dead one had is given back; its sessions are over and say so.

import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { OpenedAuditLog } from '../audit/log.ts';
import type { ListenAddress } from '../config/config.ts';
import { cannotListen } from '../core/cannot-listen.ts';
import type { DriverServices, LocalDriverServices, Log } from '../core/driver.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { ServerTls } from '../core/server-tls.ts';
import type { Target } from '../core/target.ts';
import type { AllAcceptCounts } from '../relay/accept-counts.ts';
import { Calls } from '../relay/calls.ts';
import { cancellingHandlers } from '../relay/cancelling.ts';
import { ThreadCredentials } from '../relay/credentials.ts';
import { ThreadDialling } from '../relay/dialling.ts';
import { RelayedSessions } from '../relay/relayed-sessions.ts';
import type { RelayedParts } from '../relay/relayed-sessions.ts';
import { signInHandlers } from '../relay/sign-ins.ts';
import { endUnfinished } from './lost-sessions.ts';
import { watchHandlers, watchOver } from '../relay/watch.ts';
import type { DatabaseProtocol } from './database-drivers.ts';
import type { MainMethods, RelayThreadData, ThreadMethods } from './relay-methods.ts';

export interface RelayParts {
  readonly threads: number;
  readonly data: Omit<RelayThreadData, 'index' | 'tls'>;
  readonly relayed: RelayedParts;
  readonly services: Pick<LocalDriverServices, 'signIns' | 'credentials'>;
  readonly tls: ServerTls | null;
  readonly dialAgent: DriverServices['dial'];
  readonly dialled: (target: Target, stream: Awaited<ReturnType<DriverServices['dial']>>) => void;
  readonly counts: Readonly<Record<DatabaseProtocol, AllAcceptCounts>>;
  readonly audit: Pick<OpenedAuditLog, 'releaseDead' | 'lostEnds' | 'appendSoon'>;
  readonly log: Log;
}

/** One that can't work by then will not. */
const readyMsMax = 30_000;
/** One that dies again and again must not take the processor with it. */
const againAfterMs = 1_000;
/** Its clients have been told by then, or will not be. */
const stopMsMax = 10_000;
/** Who reads what a busy thread has done lately waits no longer: then it is not seen yet. */
const flushMsMax = 2_000;

interface Thread {
  readonly worker: Worker;
  readonly calls: Calls<ThreadMethods, MainMethods>;
  readonly sessions: RelayedSessions;
}

export class Relays {
  readonly #parts: RelayParts;
  readonly #threads = new Map<number, Thread>();
  readonly #listening = new Map<DatabaseProtocol, ListenAddress>();
  readonly #again = new Set<NodeJS.Timeout>();
  /** Not ready yet. */
  readonly #starting = new Set<Worker>();
  #stops = false;

  private constructor(parts: RelayParts) {
    this.#parts = parts;
    parts.tls?.onReplaced(({ pem }) => {
      for (const { calls } of this.#threads.values()) calls.note('certificate', pem);
    });
  }

  /** Rejects with a Fault when a thread can't be started; none is left running then. */
  static async open(parts: RelayParts): Promise<Relays> {
    const relays = new Relays(parts);
    try {
      for (let index = 0; index < parts.threads; index++) await relays.#start(index);
    } catch (thrown) {
      await relays.close('the gateway could not start');
      throw thrown;
    }
    return relays;
  }

  /** All threads listen; the address with the port that they got. Throws Fault listen-failed with what to do. */
  async listen(protocol: DatabaseProtocol, address: ListenAddress): Promise<ListenAddress> {
    try {
      // Ports are shared by whoever asks for that: another gateway on the same one would take half of the clients unseen.
      const own = { ...address, port: await portThatIsFree(address) };
      this.#listening.set(protocol, own);
      await Promise.all([...this.#threads.values()].map(({ calls }) => calls.ask('listen', { protocol, address: own })));
      return own;
    } catch (thrown) {
      throw cannotListen(protocol, address, thrown);
    }
  }

  /** What threads have and did not write yet is written: of one session, or (null) audit events of all. */
  async flush(sessionId: string | null): Promise<void> {
    const asked = [...this.#threads.values()].filter(({ sessions }) => sessionId === null || sessions.has(sessionId));
    const flushed = asked.map(({ calls }) => calls.ask('flush', { sessionId }).catch(() => undefined)); // one that died has nothing
    await Promise.race([Promise.all(flushed), aborted(AbortSignal.timeout(flushMsMax))]);
  }

  async close(reason: string): Promise<void> {
    this.#stops = true;
    for (const timer of this.#again) clearTimeout(timer);
    await Promise.all([...this.#starting].map((worker) => worker.terminate()));
    const late = AbortSignal.timeout(stopMsMax);
    const threads = [...this.#threads.values()];
    await Promise.all(
      threads.map(async ({ worker, calls }) => {
        await Promise.race([calls.ask('stop', { reason }).catch(() => undefined), aborted(late)]);
        await worker.terminate();
      }),
    );
  }

  async #start(index: number): Promise<void> {
    const tls = this.#parts.tls?.current.pem ?? null;
    const worker = new Worker(new URL('./relay-thread.ts', import.meta.url), {
      name: `relay-${index}`,
      workerData: { ...this.#parts.data, index, tls },
    });
    this.#starting.add(worker);
    try {
      await this.#join(index, worker);
    } catch (thrown) {
      await worker.terminate(); // the next one has its number
      throw thrown;
    } finally {
      this.#starting.delete(worker);
    }
  }

  /** Resolves when the thread works. */
  async #join(index: number, worker: Worker): Promise<void> {
    const { relayed, services, dialAgent, dialled, log } = this.#parts;
    const sessions = new RelayedSessions(relayed, () => calls);
    const { targetNamed } = relayed;
    const credentials = new ThreadCredentials({ desk: services.credentials, targetNamed });
    const dialling = new ThreadDialling({ dialAgent, dialled, targetNamed, filledOf: (attempt) => credentials.filledOf(attempt) });
    let isReady: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => (isReady = resolve));
    const calls: Calls<ThreadMethods, MainMethods> = new Calls<ThreadMethods, MainMethods>(worker, {
      ...sessions.handlers,
      ...signInHandlers(services.signIns),
      ...credentials.handlers,
      ...dialling.handlers,
      ...cancellingHandlers(() => [...this.#threads].filter(([other]) => other !== index).map(([, thread]) => thread.calls)),
      ...watchHandlers,
      ready: () => isReady(),
    });
    const { threadId } = worker;
    let why = 'it ended';
    worker.on('error', (thrown) => (why = messageOf(thrown)));
    const gone = new Promise<never>((_resolve, reject) => {
      worker.once('exit', () => {
        const fault = new Fault('limit-reached', `a relay thread ended: ${why}`);
        this.#threads.delete(index);
        this.#parts.audit.releaseDead(threadId); // first: all that follows is written to the log
        calls.close(fault);
        credentials.end(fault);
        dialling.end(fault);
        this.#endUnfinished(sessions.lost('the relay thread of this session failed'));
        for (const counts of Object.values(this.#parts.counts)) counts.giveBack(index);
        reject(fault);
      });
    });
    gone.catch(() => undefined); // heard below
    await Promise.race([ready, gone, lateFault()]);
    if (this.#stops) throw new Fault('conflict', 'the gateway stops');
    this.#threads.set(index, { worker, calls, sessions });
    const { tls } = this.#parts;
    if (tls !== null) calls.note('certificate', tls.current.pem); // it may have been replaced while the thread started
    const stuck = () => {
      why = 'it answered nothing for a minute';
      void worker.terminate(); // its end is heard
    };
    worker.once('exit', watchOver(() => calls.ask('alive', null), stuck)); // prettier-ignore
    for (const [protocol, address] of this.#listening) await calls.ask('listen', { protocol, address });
    gone.catch(() => {
      if (this.#stops) return;
      log.error({ thread: index, err: why }, 'a relay thread ended: its sessions are over, and another one is started');
      this.#startAgain(index);
    });
  }

  /** What ran when a thread died: how it ended nobody knows. */
  #endUnfinished(sessions: readonly string[]): void {
    const { audit, relayed, log } = this.#parts;
    endUnfinished(audit, relayed.clock, sessions).catch((thrown: unknown) => {
      if (!this.#stops) log.error({ err: messageOf(thrown) }, 'what ran in a relay thread that ended has no end in the audit log');
    });
  }

  #startAgain(index: number): void {
    const timer = setTimeout(() => {
      this.#again.delete(timer);
      this.#start(index).catch((thrown: unknown) => {
        if (this.#stops) return;
        this.#parts.log.error({ thread: index, err: messageOf(thrown) }, 'a relay thread could not be started again');
        this.#startAgain(index);
      });
    }, againAfterMs);
    this.#again.add(timer);
  }
}

async function portThatIsFree({ host, port }: ListenAddress): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : port;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function lateFault(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, readyMsMax).unref());
  throw new Fault('limit-reached', `a relay thread was not ready within ${readyMsMax / 1000} s`);
}
