// Many holds, many people, random answers, withdrawals, expiries, failing writes and restarts between any two steps.
// Whatever the order: every hold ends once, no requester's yes counts, nothing is approved after its end.
// Rerun one seed with SEED=…

import t from 'tap';
import type { Settlement } from '../../src/core/hold.ts';
import type { HoldDesk } from '../../src/approvals/holds.ts';
import { bench, person, request, type Bench } from '../unit/approvals-fixtures/desk.ts';

const stepsPerRun = 300;
const seeds = process.env['SEED'] === undefined ? Array.from({ length: 15 }, (_, n) => n * 7919 + 13) : [Number(process.env['SEED'])];

const people = [
  ...['bob', 'dana', 'erik', 'fay'].map((name) => person(name, ['dba'])),
  person('alice', ['engineers']),
  person('mixed', ['engineers', 'dba']),
  person('robot', ['dba'], 'ai-agent'),
  person('carol', ['auditors']),
];

/** What the simulation knows of one hold: how often its waiter heard an end, and which. */
interface Known {
  readonly id: string;
  readonly requester: string;
  readonly needed: number;
  /** Answered without its client: it outlives restarts. */
  readonly lasting: boolean;
  /** How often its approval was used. */
  uses: number;
  use: (() => boolean) | undefined;
  withdraw: (why: string) => void;
  readonly settlements: Settlement[];
  /** The process that held it has died: its waiter never hears anything. */
  dead: boolean;
  /** Audit events of it at the moment its waiter heard. */
  auditAtSettlement: string[];
}

class Run {
  readonly bench: Bench;
  readonly holds: Known[] = [];
  desk: HoldDesk;
  #steps = 0;

  constructor(seed: number) {
    this.bench = bench({ limits: { pendingMax: 50, pendingPerPersonMax: 20 } }, seed);
    this.desk = this.bench.desk;
  }

  async step(): Promise<void> {
    const { random, clock, audit } = this.bench;
    const dice = random.below(100);
    if (dice < 25) this.place();
    else if (dice < 70) await this.answerSome();
    else if (dice < 74) this.useSome();
    else if (dice < 78) this.any()?.withdraw('cancelled by the client');
    else if (dice < 86) {
      clock.pass(random.below(30_000));
      this.desk.expireDue();
    } else if (dice < 89) clock.wallMs += (random.below(2) === 0 ? -1 : 1) * random.below(10_000_000);
    else if (dice < 92) {
      audit.fail = true;
      await this.answerSome();
      audit.fail = false;
    } else if (dice < 95) await this.restart();
    else this.rejudge();
    await new Promise(setImmediate); // waiters hear
    this.check(this.#steps++ % 25 === 0 ? this.holds : this.holds.slice(-15));
  }

  place(): void {
    const { random } = this.bench;
    const by = people[random.below(people.length)] as (typeof people)[number];
    const needed = 1 + random.below(3);
    const lasting = random.below(4) === 0;
    const again = lasting ? { again: `k-${this.holds.length}`, approvedForMs: 1000 + random.below(60_000) } : {};
    let placed;
    try {
      placed = this.desk.place(request({ by, needed, expiresMs: 1000 + random.below(60_000), session: `s-${random.below(6)}`, ...again }));
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== 'limit-reached') throw thrown;
      return;
    }
    const known: Known = {
      id: placed.id,
      requester: by.name,
      needed,
      lasting,
      uses: 0,
      use: placed.use,
      withdraw: (why) => {
        if (!known.dead) placed.withdraw(why);
      },
      settlements: [],
      dead: false,
      auditAtSettlement: [],
    };
    this.hear(known, placed.settled);
    this.holds.push(known);
  }

  hear(known: Known, settled: Promise<Settlement>): void {
    const { desk } = this;
    void settled.then((settlement) => {
      if (known.lasting && this.desk !== desk) return; // nobody hears it in a process that is gone; the next one tells of it again
      known.settlements.push(settlement);
      known.auditAtSettlement = this.bench.audit.typesOf(known.id);
    });
  }

  /** The same is run again, twice at once: an approval is used once, whatever was restarted between. */
  useSome(): void {
    const hold = this.any();
    if (hold?.use === undefined || hold.settlements[0]?.kind !== 'approved') return;
    for (let tries = 0; tries < 2; tries += 1) if (hold.use()) hold.uses += 1;
    if (hold.uses > 1) throw new Error(`${hold.id} was used ${hold.uses} times`);
  }

  /** Some answers at once, to one hold or several. */
  async answerSome(): Promise<void> {
    const { random } = this.bench;
    const answers = Array.from({ length: 1 + random.below(4) }, async () => {
      const hold = this.any();
      const by = people[random.below(people.length)] as (typeof people)[number];
      if (hold === undefined) return;
      const before = hold.settlements[0]?.kind ?? (hold.dead ? 'withdrawn' : null);
      const dice = random.below(20);
      if (dice < 2) {
        const back = await this.desk.takeBack(hold.id, by);
        if (before !== null && back.kind === 'taken-back') throw new Error(`${hold.id} took a yes back after it was ${before}`);
        return;
      }
      const result = await this.desk.answer(hold.id, by, dice < 5 ? 'deny' : dice < 6 ? 'request-changes' : 'approve', 'words');
      if (before !== null && before !== 'approved' && result.kind === 'approved')
        throw new Error(`${hold.id} approved after it was ${before}`);
      if (before !== null && result.kind === 'counted') throw new Error(`${hold.id} counted a yes after it was ${before}`);
    });
    await Promise.all(answers);
  }

  async restart(): Promise<void> {
    for (const hold of this.holds) if (hold.settlements.length === 0 && !hold.lasting) hold.dead = true;
    if (this.bench.random.below(2) === 0) await this.desk.close('the gateway stops');
    this.bench.clock.pass(this.bench.random.below(20_000));
    for (const hold of this.holds) {
      hold.use = undefined;
      hold.withdraw = () => undefined; // that process is gone
    }
    this.desk = this.bench.restart();
    await this.desk.recover();
    for (const { hold: placed } of this.desk.lasting()) {
      const known = this.holds.find((it) => it.id === placed.id);
      if (known === undefined) throw new Error(`${placed.id} came back from nowhere`);
      if (known.uses > 0) throw new Error(`${placed.id} came back after it was used`);
      known.use = placed.use;
      known.withdraw = placed.withdraw;
      if (known.settlements.length === 0) this.hear(known, placed.settled);
    }
  }

  rejudge(): void {
    const { random } = this.bench;
    this.desk.rejudge((hold) => {
      if (random.below(4) !== 0) return { kind: 'keep' };
      return random.below(2) === 0 ? { kind: 'withdraw', why: 'the policies changed' } : changed(hold.approvals.slice(1));
    });
  }

  /** Prefers holds that live, but asks for old ones too. */
  any(): Known | undefined {
    const { random } = this.bench;
    const recent = this.holds.slice(-12);
    const from = random.below(4) === 0 ? this.holds : recent;
    return from[random.below(Math.max(1, from.length))];
  }

  check(holds: readonly Known[]): void {
    for (const hold of holds) {
      const [settlement, second] = hold.settlements;
      if (second !== undefined) throw new Error(`${hold.id} ended twice`);
      const record = this.desk.get(hold.id);
      if (record === undefined) throw new Error(`${hold.id} is gone`);
      if (record.approvals.some((it) => it.by === hold.requester)) throw new Error(`${hold.id} counts its requester`);
      if (record.approvals.some((it) => it.by === 'robot' || !it.groups.includes('dba'))) throw new Error(`${hold.id} counts a stranger`);
      if (new Set(record.approvals.map((it) => it.by)).size !== record.approvals.length)
        throw new Error(`${hold.id} counts somebody twice`);
      if (hold.dead && record.state !== 'withdrawn') throw new Error(`${hold.id} of a dead process is ${record.state}`);
      if (settlement === undefined) {
        if (hold.lasting && record.state !== 'pending') continue; // ended while the gateway was down
        if (!hold.dead && record.state !== 'pending') throw new Error(`${hold.id} is ${record.state}, and its waiter does not know`);
        continue;
      }
      if (settlement.kind.replace('-', '_') !== record.state)
        throw new Error(`${hold.id}: waiter heard ${settlement.kind}, the store says ${record.state}`);
      if (settlement.kind === 'approved') {
        if (settlement.approvals.length < record.approvalsNeeded) throw new Error(`${hold.id} approved by too few`);
        if (!hold.auditAtSettlement.includes('hold.approved')) throw new Error(`${hold.id} released before it was written`);
      }
    }
  }

  async finish(): Promise<void> {
    await this.desk.close('the gateway is stopping');
    await new Promise(setImmediate);
    this.check(this.holds);
    for (const hold of this.holds) {
      if (!hold.dead && !hold.lasting && hold.settlements.length !== 1) throw new Error(`${hold.id} never ended`);
      const ends = this.bench.audit.typesOf(hold.id).filter((it) => /approved|denied|changes-requested|expired|withdrawn/.test(it));
      // A write that failed may leave no end in the log; two ends there must never be.
      if (ends.length > 1) throw new Error(`${hold.id} has the ends ${ends.join(', ')}`);
    }
  }
}

function changed(approvals: Parameters<Parameters<HoldDesk['rejudge']>[0]>[0]['approvals']) {
  const rule = { id: 'production/other', title: 'Another rule', version: 'v2' };
  const terms = { approverGroups: ['dba'], approvalsNeeded: 2, expiresMs: 1, expiresInTransactionMs: 1, reasonRequired: false };
  return { kind: 'change', rule, terms, approvals } as const;
}

for (const seed of seeds) {
  t.test(`seed ${seed}`, async (t) => {
    const run = new Run(seed);
    try {
      for (let step = 0; step < stepsPerRun; step += 1) await run.step();
      await run.finish();
    } catch (thrown) {
      throw new Error(`rerun with SEED=${seed}`, { cause: thrown });
    }
    const ends = new Set(run.holds.map((it) => it.settlements[0]?.kind));
    t.ok(ends.has('approved') && ends.has('denied') && ends.has('withdrawn'), `${run.holds.length} holds, all kinds of ends`);
  });
}
