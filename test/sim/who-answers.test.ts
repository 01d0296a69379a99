// Who may answer, while everything moves: holds escalate, rights are lent and end, people leave groups and come back, both clocks
// jump, writes fail and the gateway restarts between any two steps. A model that knows real time says of each yes whether it
// could count. Rerun one seed with SEED=…

import t from 'tap';
import { Delegations } from '../../src/approvals/delegations.ts';
import { withoutFormerPeople } from '../../src/approvals/former-people.ts';
import type { HoldDesk } from '../../src/approvals/holds.ts';
import type { Principal } from '../../src/core/principal.ts';
import { openDatabase } from '../../src/store/database.ts';
import { delegationMigrations } from '../../src/store/delegations.ts';
import { bench, person, request, type Bench } from '../unit/approvals-fixtures/desk.ts';

const stepsPerRun = 300;
const seeds = process.env['SEED'] === undefined ? Array.from({ length: 12 }, (_, n) => n * 7919 + 3) : [Number(process.env['SEED'])];
const names = ['alice', 'bob', 'dana', 'mia', 'fin', 'eve'];
const groups = ['dba', 'managers', 'finance', 'engineers'];

interface Lent {
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
  readonly durationMs: number;
  ended: boolean;
}

interface Asked {
  readonly id: string;
  readonly requester: string;
  readonly lasting: boolean;
  readonly atMs: number;
  /** From then on, in real time, who satisfies which sets. */
  readonly steps: readonly { readonly afterMs: number; readonly sets: readonly (readonly string[])[] }[];
  /** While the gateway was stopped its time is known by the wall clock only: it may escalate early then, never late. */
  jumpedMs: number;
}

class Run {
  readonly bench: Bench;
  desk: HoldDesk;
  delegations: Delegations;
  readonly people = new Map<string, Principal>();
  readonly holds: Asked[] = [];
  readonly lent: Lent[] = [];
  counted = 0;
  lentCounted = 0;
  lateCounted = 0;
  /** Real time, which no clock of the gateway can change. */
  realMs = 0;
  readonly #store = openDatabase(':memory:', delegationMigrations);

  constructor(seed: number) {
    for (const name of names) this.people.set(name, person(name, [groups[names.indexOf(name) % 3] ?? 'dba']));
    this.bench = bench({ lendersOf: (name) => this.delegations.lendersOf(name) }, seed);
    this.desk = this.bench.desk;
    this.delegations = this.#openDelegations();
  }

  #openDelegations(): Delegations {
    const { clock, random, audit } = this.bench;
    return new Delegations({
      ...{ db: this.#store, clock, random, audit },
      person: (name) => this.people.get(name) ?? null,
      mayApprove: (it) => it.groups.some((group) => group !== 'engineers'),
    });
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[this.bench.random.below(Math.max(1, from.length))];
  }

  async step(): Promise<void> {
    const { random, clock, audit } = this.bench;
    const dice = random.below(100);
    if (dice < 20) this.place();
    else if (dice < 60) await this.answer();
    else if (dice < 72) await this.lend();
    else if (dice < 75) await this.endLent();
    else if (dice < 79) this.move();
    else if (dice < 90) this.pass(random.below(20_000));
    else if (dice < 93) this.jump();
    else if (dice < 95) {
      audit.fail = true;
      await this.answer();
      audit.fail = false;
    } else await this.restart();
    clock.wallMs = Math.max(clock.wallMs, 1);
  }

  place(): void {
    const { random } = this.bench;
    const by = this.people.get(this.pick(names) ?? '');
    if (by === undefined) return;
    const lasting = random.below(2) === 0;
    const first = 1 + random.below(30_000);
    const escalate = [
      {
        afterMs: first,
        to: ['managers'],
        sets: [
          ['dba', 'managers'],
          ['finance', 'managers'],
        ],
      },
      { afterMs: first + random.below(30_000), to: ['finance'], sets: [['dba', 'managers', 'finance']] },
    ];
    const alsoInGroups = [['finance', 'managers']];
    const asking = request({
      by,
      expiresMs: 20_000 + random.below(100_000),
      needed: 2,
      ...(lasting ? { again: `k-${this.holds.length}` } : {}),
    });
    const placed = this.desk.place({ ...asking, terms: { ...asking.terms, approverGroups: ['dba'], alsoInGroups, escalate } });
    const steps = [{ afterMs: 0, sets: [['dba'], ...alsoInGroups] }, ...escalate];
    this.holds.push({ id: placed.id, requester: by.name, lasting, atMs: this.realMs, steps, jumpedMs: 0 });
  }

  async answer(): Promise<void> {
    const hold = this.pick(this.holds.slice(-6));
    // Often somebody to whom a right was lent once.
    const name = this.bench.random.below(2) === 0 ? this.pick(this.lent.slice(-8))?.to : this.pick(names);
    const by = this.people.get(name ?? '');
    if (hold === undefined || by === undefined) return;
    const before = this.desk.get(hold.id)?.approvals.length ?? 0;
    const result = await this.desk.answer(hold.id, by, 'approve', 'yes');
    const isNew = result.kind === 'approved' || (result.kind === 'counted' && result.given > before);
    if (!isNew || result.already) return;
    const yes = result.hold.approvals.find((it) => it.by === by.name);
    if (yes === undefined) throw new Error(`${hold.id} counts a yes that is not there`);
    this.counted += 1;
    this.judge(hold, by, yes.onBehalfOf);
    const voices = result.hold.approvals.map((it) => it.onBehalfOf ?? it.by);
    if (new Set(voices).size !== voices.length) throw new Error(`${hold.id} counts one right twice`);
  }

  /** Could this yes count, by real time and by the people of now? */
  judge(hold: Asked, by: Principal, lender: string | undefined): void {
    if (by.name === hold.requester || lender === hold.requester) throw new Error(`${hold.id} counts its requester`);
    const right = lender === undefined ? by : this.people.get(lender);
    if (right === undefined) throw new Error(`${hold.id} counts the right of nobody`);
    if (lender !== undefined) {
      this.lentCounted += 1;
      const inForce = this.lent.some((it) => it.from === lender && it.to === by.name && !it.ended && this.realMs - it.atMs < it.durationMs);
      if (!inForce) throw new Error(`${hold.id}: ${by.name} answers for ${lender}, who lends nothing now`);
    }
    const waitedMs = this.realMs - hold.atMs + hold.jumpedMs;
    const due = hold.steps.filter(({ afterMs }) => waitedMs >= afterMs);
    if (due.length > 1) this.lateCounted += 1;
    // A step may be due that the desk has not looked at yet: it asks fewer then, never more.
    const mayNow = due.some(({ sets }) => sets.every((set) => set.some((group) => right.groups.includes(group))));
    if (!mayNow)
      throw new Error(`${hold.id}: ${right.name} (${right.groups.join()}) after ${waitedMs} ms of ${JSON.stringify(hold.steps)}`);
  }

  async lend(): Promise<void> {
    const from = this.people.get(this.pick(names) ?? '');
    const to = this.pick(names) ?? '';
    if (from === undefined) return;
    const durationMs = 60_000 + this.bench.random.below(400_000);
    try {
      await this.delegations.give(from, to, durationMs, null);
      this.lent.push({ from: from.name, to, atMs: this.realMs, durationMs, ended: false });
    } catch (thrown) {
      if (!['invalid-request', 'limit-reached'].includes((thrown as { code: string }).code)) throw thrown;
    }
  }

  async endLent(): Promise<void> {
    const record = this.pick(this.delegations.list());
    const by = this.people.get(record?.from ?? '');
    if (record === undefined || by === undefined) return;
    await this.delegations.end(record.id, by, false);
    // Which of several between the same two has ended matters only when none is left.
    const left = this.delegations.list().some((it) => it.from === record.from && it.to === record.to);
    for (const it of this.lent) if (!left && it.from === record.from && it.to === record.to) it.ended = true;
  }

  /** Somebody changes groups, leaves, or comes back. */
  move(): void {
    const { random } = this.bench;
    const name = this.pick(names) ?? '';
    if (random.below(4) === 0) this.people.delete(name);
    else
      this.people.set(
        name,
        person(
          name,
          groups.filter(() => random.below(2) === 0),
        ),
      );
    this.desk.rejudge((hold, asked) => withoutFormerPeople(hold, asked, (it) => this.people.get(it) ?? null));
    for (const hold of this.holds.slice(-20)) {
      const record = this.desk.get(hold.id);
      if (record?.state !== 'pending') continue;
      for (const { by, onBehalfOf } of record.approvals)
        if (!this.people.has(by) || !this.people.has(onBehalfOf ?? by)) throw new Error(`${hold.id} counts ${by}, who may not act`);
    }
  }

  pass(ms: number): void {
    this.bench.clock.pass(ms);
    this.realMs += ms;
    this.desk.expireDue();
    if (this.bench.random.below(5) === 0) this.delegations.note(); // its timer is slow
  }

  jump(): void {
    this.bench.clock.wallMs += (this.bench.random.below(2) === 0 ? -1 : 1) * this.bench.random.below(200_000);
    this.desk.expireDue();
    this.delegations.note();
  }

  async restart(): Promise<void> {
    const { random, clock } = this.bench;
    if (random.below(2) === 0) await this.desk.close('the gateway stops');
    this.delegations.close();
    const wallBefore = clock.wallMs;
    const stoppedMs = random.below(20_000);
    clock.pass(stoppedMs);
    this.realMs += stoppedMs;
    const setMs = random.below(3) === 0 ? random.below(60_000) : 0;
    clock.wallMs += setMs;
    // What was seen last may be long ago, and jumps in between were seen by nobody: as much of the wall clock may count.
    for (const hold of this.holds) hold.jumpedMs += Math.max(setMs, Math.abs(clock.wallMs - wallBefore)) + 400_000;
    this.desk = this.bench.restart();
    await this.desk.recover();
    this.delegations = this.#openDelegations();
  }
}

for (const seed of seeds) {
  t.test(`seed ${seed}`, async (t) => {
    const run = new Run(seed);
    try {
      for (let step = 0; step < stepsPerRun; step += 1) await run.step();
    } catch (thrown) {
      throw new Error(`rerun with SEED=${seed}`, { cause: thrown });
    }
    await run.desk.close('done');
    run.delegations.close();
    t.ok(run.counted > 0, `${run.counted} yeses of ${run.holds.length} holds, ${run.lentCounted} of them lent, ${run.lateCounted} late`);
  });
}
