// The messages of an extended query (54.2.3): Parse makes a statement, Bind a portal of it, Execute runs that. Nothing from Bind on
// goes out before the ruling, because planning can already run a function; what runs nothing is kept back until something goes.

import { withParameterTypes } from '../../src/core/parameter-types.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import { describePortal } from './masking.ts';
import * as wire from './messages.ts';
import { wireName } from './names.ts';
import { refusalError } from './refusal.ts';
import type { Portal, Run, Statement } from './statements.ts';
import { portalsMax } from './statements.ts';
import { boundPortal, cursorPortal, digestOf, noPortal, noStatement, tooMany } from './submissions.ts';

export class ExtendedQuery {
  readonly #machine: Machine;
  readonly #port: MachinePort;

  constructor(machine: Machine, port: MachinePort) {
    this.#machine = machine;
    this.#port = port;
  }

  parse(bytes: Buffer): void {
    const machine = this.#machine;
    const { name: rawName, text: raw, types } = wire.readParse(bytes);
    const name = wireName(rawName);
    if (machine.statements.isFull(name, raw.length)) return machine.refusing.batch(tooMany('prepared statements'), false);
    const { text, mode } = machine.submissions.read(raw);
    const asked = { text, mode: withParameterTypes(mode, types), parameters: null, digest: digestOf(bytes) };
    const submission = machine.submissions.of(asked);
    machine.classify(submission, (classification) => {
      const statement: Statement = { text, classification, modeKey: mode.key, bySql: false, types };
      if (classification.understood) return this.#parsed(name, statement, bytes);
      machine.submit(submission, (ruling) => {
        if (ruling.kind === 'refuse') return machine.refusing.batch(refusalError(ruling.refusal, text), name === '');
        ruling.permit.open();
        this.#port.finish(ruling.permit, { kind: 'completed', rows: null, error: null }); // judged again with its parameters at Bind
        this.#parsed(name, statement, bytes);
      });
    });
  }

  #parsed(name: string, statement: Statement, bytes: Buffer): void {
    this.#machine.statements.sent(name, statement);
    this.#machine.keepBack(bytes, { kind: 'parse', name, statement });
  }

  bind(bytes: Buffer): void {
    const machine = this.#machine;
    const bind = wire.readBind(bytes);
    const [name, statementName] = [wireName(bind.portal), wireName(bind.statement)];
    const statement = machine.statements.get(statementName);
    if (statement === undefined) return machine.refusing.batch(noStatement(statementName), false);
    if (machine.portals.size >= portalsMax && !machine.portals.has(name)) return machine.refusing.batch(tooMany('portals'), false);
    const portal = boundPortal(name, statement, bind, bytes);
    machine.submit(machine.submissions.ofPortal(portal), (ruling) => {
      if (ruling.kind === 'refuse') return machine.refusing.batch(refusalError(ruling.refusal, statement.text), false);
      portal.run = machine.open(ruling, statement.text);
      if (portal.run.fenced) portal.bind = bytes;
      machine.outcomes.portalGone(name); // Bind replaces a portal of the same name
      machine.portals.set(name, portal);
      machine.run(portal.run, bytes, { kind: 'bind', portal });
    });
  }

  /** What was bound has its ruling already; the portal of a cursor is judged now. */
  execute(bytes: Buffer): void {
    const machine = this.#machine;
    const { portal: rawName, rowsMax } = wire.readExecute(bytes);
    const name = wireName(rawName);
    const known = machine.portals.get(name);
    if (known?.run != null) return this.#run(known, known.run, bytes);
    if (known === undefined && name === '') return machine.refusing.batch(noPortal(name), false);
    const portal = known ?? cursorPortal(name, rowsMax, bytes);
    machine.submit(machine.submissions.ofPortal(portal), (ruling) => {
      if (ruling.kind === 'refuse') return machine.refusing.batch(refusalError(ruling.refusal, portal.text), false);
      portal.run = machine.open(ruling, portal.text);
      machine.portals.set(name, portal);
      this.#run(portal, portal.run, bytes);
    });
  }

  #run(portal: Portal, run: Run, bytes: Buffer): void {
    const machine = this.#machine;
    if (run.masks?.asks() === true) machine.keepBack(describePortal(portal.name), { kind: 'own-fields', run });
    portal.executing += 1;
    machine.run(run, bytes, { kind: 'execute', portal });
    if (run.limits !== null && !run.fenced) machine.replies.limits.look();
    const takesData = run.classification.summary.kinds.includes('copy from'); // only the target says whether it takes the client's
    if (takesData || machine.session.changesReading(run.classification)) machine.settle();
  }

  describe(bytes: Buffer): void {
    const { what, name: rawName } = wire.readNamed(bytes);
    if (what === 'portal') return this.#machine.keepBack(bytes, { kind: 'describe-portal' });
    const statement = this.#machine.statements.get(wireName(rawName)) ?? null;
    this.#machine.keepBack(bytes, { kind: 'describe-statement', statement });
  }

  close(bytes: Buffer): void {
    const { what, name: rawName } = wire.readNamed(bytes);
    const name = wireName(rawName);
    if (what === 'portal') return this.#machine.keepBack(bytes, { kind: 'close-portal', name });
    this.#machine.statements.sent(name, undefined);
    this.#machine.keepBack(bytes, { kind: 'close-statement', name });
  }
}
