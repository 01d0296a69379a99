// What a monitoring system reads of a running gateway, in Prometheus' text format (version 0.0.4): numbers only, no name of a person,
// target or statement, because it is served without a sign-in. Everything is read when it is asked for; what happened
// meanwhile the meter has counted.

import { readdirSync, statfsSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Protocol } from '../core/target.ts';
import type { Meter, SessionFigures } from './meter.ts';

/** Where the figures come from. Times are of the wall clock. */
export interface MeasuredGateway {
  readonly version: string;
  readonly dataDir: string;
  readonly protocols: readonly Protocol[];
  readonly meter: Meter;
  agentsLinked(): number;
  /** Number of the newest event. */
  auditSeq(): number;
  policyVersion(): string;
  /** Is there a newer version that is wrong, and so not in force? */
  policiesRejected(): boolean;
  /** Of the certificate in use; null: it has none. */
  certificateEndMs(): number | null;
  nowMs(): number;
}

export class Metrics {
  readonly #gateway: MeasuredGateway;
  readonly #startedAtMs: number;
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });

  constructor(gateway: MeasuredGateway) {
    this.#gateway = gateway;
    this.#startedAtMs = gateway.nowMs();
    this.#delay.enable();
  }

  close(): void {
    this.#delay.disable();
  }

  /** Why statements are refused now, or null: for load balancers and start-up checks. */
  notReady(): string | null {
    return this.#gateway.meter.auditFailing;
  }

  /** One page of all of it. */
  text(): string {
    const it = this.#gateway;
    const { meter } = it;
    const pending = meter.pendingSinceMs();
    const ofProtocols = (value: (counts: SessionFigures) => number): Samples =>
      it.protocols.map((protocol) => [{ protocol }, value(meter.sessions(protocol))]);
    const cpu = process.cpuUsage();
    const certificateEndMs = it.certificateEndMs();
    const families: readonly Family[] = [
      gauge('sallyport_info', 'Version of the gateway and of the policies in force.', [
        [{ version: it.version, policies: it.policyVersion() }, 1],
      ]),
      gauge('sallyport_start_time_seconds', 'When this gateway started, since 1970.', this.#startedAtMs / 1000),
      gauge(
        'sallyport_ready',
        '1 when statements are judged and can be recorded, 0 when they are refused.',
        meter.auditFailing === null ? 1 : 0,
      ),
      gauge(
        'sallyport_sessions_open',
        'Sessions open now.',
        ofProtocols(({ open }) => open),
      ),
      counter(
        'sallyport_sessions_opened_total',
        'Sessions that were opened, since the start.',
        ofProtocols(({ opened }) => opened),
      ),
      counter(
        'sallyport_statements_total',
        'Statements, commands and file operations that were asked for, since the start; a second late.',
        ofProtocols(({ statements }) => statements),
      ),
      counter(
        'sallyport_statements_denied_total',
        'Those that were refused, by a rule or a person.',
        ofProtocols(({ denied }) => denied),
      ),
      gauge('sallyport_holds_pending', 'Statements and commands that wait for approval now.', pending.length),
      gauge(
        'sallyport_hold_oldest_pending_seconds',
        'How long the oldest of them has waited; 0 when nothing waits.',
        pending.length === 0 ? 0 : Math.max(0, it.nowMs() - Math.min(...pending)) / 1000,
      ),
      counter('sallyport_holds_placed_total', 'Statements and commands that had to wait, since the start.', meter.placed),
      counter(
        'sallyport_holds_settled_total',
        'How they ended, since the start.',
        [...meter.settled].map(([state, count]) => [{ state }, count]),
      ),
      counter('sallyport_audit_events_total', 'Events in the audit log, since it was begun.', it.auditSeq()),
      gauge(
        'sallyport_policies_rejected',
        '1 while the newest version of the policies is not in force because it is wrong.',
        it.policiesRejected() ? 1 : 0,
      ),
      gauge('sallyport_agents_linked', 'Agents that are connected now.', it.agentsLinked()),
      ...optional(
        'sallyport_certificate_end_time_seconds',
        "When the gateway's own certificate ends, since 1970.",
        certificateEndMs === null ? null : certificateEndMs / 1000,
      ),
      ...optional('sallyport_data_free_bytes', 'Space left for the data folder.', freeBytes(it.dataDir)),
      counter('process_cpu_seconds_total', 'CPU time of the process, user and system.', (cpu.user + cpu.system) / 1e6),
      gauge('process_resident_memory_bytes', 'Memory of the process.', process.memoryUsage.rss()),
      ...optional('process_open_fds', 'Open files and sockets.', openFiles()),
      gauge(
        'nodejs_eventloop_delay_max_seconds',
        'Longest that the main thread stood still since this was read last.',
        this.#longestDelayS(),
      ),
    ];
    return families.map(familyText).join('');
  }

  #longestDelayS(): number {
    const { max } = this.#delay;
    this.#delay.reset();
    return max / 1e9;
  }
}

type Labels = Readonly<Record<string, string>>;
type Samples = readonly (readonly [Labels, number])[];

interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: Samples;
}

function gauge(name: string, help: string, value: number | Samples): Family {
  return { name, type: 'gauge', help, samples: typeof value === 'number' ? [[{}, value]] : value };
}

function counter(name: string, help: string, value: number | Samples): Family {
  return { ...gauge(name, help, value), type: 'counter' };
}

/** Nothing where the system does not tell. */
function optional(name: string, help: string, value: number | null): Family[] {
  return value === null ? [] : [gauge(name, help, value)];
}

function familyText({ name, type, help, samples }: Family): string {
  const lines = samples.map(([labels, value]) => `${name}${labelsText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function freeBytes(dir: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return null; // the figure is missing: nothing else may end for it
  }
}

/** Linux tells by a folder. */
function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}
