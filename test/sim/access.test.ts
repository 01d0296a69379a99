// Requests, answers, ends, clock jumps, failing writes and restarts between any two steps. Whatever the order: nothing is given
// without the yeses, nothing lasts longer than real time allows, every request and grant ends once. Rerun one seed with SEED=…

import t from 'tap';
import { yesesMissing } from '../../src/core/quorum.ts';
import { Bench, everybody, minuteMs, policies, policy } from '../unit/access-fixtures/desk.ts';

const stepsPerRun = 250;
const seeds = process.env['SEED'] === undefined ? Array.from({ length: 12 }, (_, n) => n * 7919 + 5) : [Number(process.env['SEED'])];

class Run {
  readonly bench: Bench;
  /** Real time, which no clock of the gateway can change; and when each grant began and for how long it may last. */
  realMs = 0;
  readonly grants = new Map<string, { readonly beganMs: number; durationMs: number }>();
  readonly requests: string[] = [];

  constructor(seed: number) {
    this.bench = new Bench(seed);
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[this.bench.random.below(Math.max(1, from.length))];
  }

  async step(): Promise<void> {
    const { bench } = this;
    const dice = bench.random.below(100);
    const person = this.pick(everybody) ?? bench.who('alice');
    if (dice < 20) await this.ask(person.name);
    else if (dice < 55)
      await bench.desk.answer(this.pick(this.requests) ?? '', person, bench.random.below(5) === 0 ? 'deny' : 'approve', 'r');
    else if (dice < 60) await bench.desk.withdraw(this.pick(this.requests) ?? '', person);
    else if (dice < 65) await bench.desk.revoke(this.pick([...this.grants.keys()]) ?? '', person, false, null);
    else if (dice < 72) {
      const asked = await bench.desk.extend(
        person,
        this.pick([...this.grants.keys()]) ?? '',
        (1 + bench.random.below(30)) * minuteMs,
        'more',
      );
      if (asked.kind === 'requested') this.requests.push(asked.request.id);
    } else if (dice < 82) this.pass(bench.random.below(20 * minuteMs));
    else if (dice < 86) {
      bench.clock.wallMs += (bench.random.below(2) === 0 ? -1 : 1) * bench.random.below(90 * minuteMs);
      bench.desk.tick(); // its timer looks twice a second
    } else if (dice < 90) {
      bench.auditFails = true;
      await bench.desk.answer(this.pick(this.requests) ?? '', person, 'approve', 'r');
      bench.auditFails = false;
    } else if (dice < 94) await this.restart();
    else if (dice < 97) this.change();
    else bench.desk.tick();
    this.look();
  }

  async ask(name: string): Promise<void> {
    const { random } = this.bench;
    const wanted = {
      target: this.pick(['orders', 'vault']) ?? 'orders',
      durationMs: (1 + random.below(60)) * minuteMs,
      readOnly: random.below(3) === 0,
      isBreakGlass: random.below(8) === 0,
    };
    const result = await this.bench.ask(name, wanted);
    if (result.kind === 'requested') this.requests.push(result.request.id);
  }

  /** Somebody leaves, loses or gains groups, or the policies ask for something else; sometimes all is as at first again. */
  change(): void {
    const { bench } = this;
    const dice = bench.random.below(6);
    const somebody = this.pick(everybody) ?? bench.who('alice');
    if (dice === 0) bench.people.delete(somebody.name);
    else if (dice === 1)
      bench.people.set(somebody.name, { ...somebody, groups: this.pick([['dba'], ['security'], ['engineers'], []]) ?? [] });
    else if (dice === 2) bench.policies = policies(policy.replace('count: 2', 'count: 1'));
    else if (dice === 3)
      bench.policies = policies(policy.replace(/^.*id: work-on.*$/m, '').replace('reason_required: true', 'second_factor: totp'));
    else {
      bench.policies = policies(policy);
      for (const person of everybody) bench.people.set(person.name, person);
    }
    bench.desk.rejudge();
    // At once, not at the next look: whoever may not have it any more has it no more.
    for (const { id, principal, target, state } of bench.desk.grants({ state: 'active', limit: 200 }).items) {
      const person = bench.people.get(principal);
      if (state === 'active' && person === undefined && bench.inForce(principal, target).includes(id))
        throw new Error(`${id} is in force for somebody who is gone`);
    }
    for (const request of bench.desk.requests({ state: 'pending', limit: 200 }).items) {
      for (const { by } of request.approvals) if (!bench.people.has(by)) throw new Error(`${request.id} counts ${by}, who is gone`);
    }
  }

  pass(ms: number): void {
    this.bench.clock.pass(ms);
    this.realMs += ms;
    this.bench.desk.tick();
  }

  async restart(): Promise<void> {
    const stoppedMs = this.bench.random.below(10 * minuteMs);
    this.realMs += stoppedMs;
    await this.bench.restart(this.bench.random.below(2) === 0, stoppedMs);
  }

  /** What must hold after every step. */
  look(): void {
    const { bench } = this;
    for (const { id, principal, target } of bench.desk.grants({ limit: 200 }).items) {
      const grant = bench.desk.grantOf(id);
      const request = bench.desk.requestOf(grant?.requestId ?? '');
      if (grant === undefined || request === undefined) throw new Error(`${id} has no request`);
      const known = this.grants.get(id);
      if (known === undefined) {
        this.grants.set(id, { beganMs: this.realMs, durationMs: grant.durationMs });
        if (yesesMissing(request.approvers, request.approvals) > 0) throw new Error(`${id} was given without the yeses`);
        if (request.approvals.some(({ by }) => by === request.principal || by === 'robot'))
          throw new Error(`${id}: a yes that can't count`);
      } else known.durationMs = grant.durationMs;
      const isInForce = bench.inForce(principal, target).includes(id);
      if (isInForce && grant.state === 'ended') throw new Error(`${id} is in force after its end`);
      const began = this.grants.get(id);
      if (isInForce && began !== undefined && this.realMs - began.beganMs >= began.durationMs)
        throw new Error(`${id} lasts longer than its time`);
    }
    const ends = new Map<string, number>();
    for (const { type, detail } of bench.audit) {
      const end = /^grant\.(ended|revoked)$/.test(type)
        ? detail['grant']
        : /^access\.(denied|expired|withdrawn)$/.test(type)
          ? detail['request']
          : null;
      if (typeof end === 'string') ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    for (const [id, count] of ends) if (count > 1) throw new Error(`${id} ended ${count} times`);
  }
}

for (const seed of seeds) {
  t.test(`seed ${seed}`, async (t) => {
    const run = new Run(seed);
    for (let step = 0; step < stepsPerRun; step += 1) await run.step();
    t.ok(run.grants.size > 0, `${run.grants.size} grants of ${run.requests.length} requests`);
  });
}
