// Who and where for commands that judge: people and targets from a gateway's configuration, from the tests beside the policies,
// or from the command line, in the order of the last word.

import { actionKinds, principalKinds, protocols } from '../../policies/engine/vocabulary.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible } from '../cli/visible.ts';
import type { ActionKind } from '../core/action.ts';
import type { Facts } from '../core/policy.ts';
import type { Principal, PrincipalKind } from '../core/principal.ts';
import type { Protocol } from '../core/target.ts';
import { readTests } from './policy-folder.ts';
import type { PolicyFolderTexts } from './policy-folder.ts';
import type { Tables } from './policy-tables.ts';

export type CastTarget = Facts['target'];

/** The people and targets that are known by name. */
export interface Cast {
  readonly people: ReadonlyMap<string, Principal>;
  readonly targets: ReadonlyMap<string, CastTarget>;
  /** Names that two test files describe differently: to use one, say which is meant. */
  readonly ambiguous: ReadonlySet<string>;
  /** Columns of the tables of targets, where tests name them. */
  readonly tables: ReadonlyMap<string, Tables>;
}

/** From the configuration when one is given, else from the tests of the folder. Throws Fault config-invalid. */
export async function readCast(terminal: Terminal, folder: PolicyFolderTexts, config: string | undefined): Promise<Cast> {
  if (config === undefined) return castOfTests(terminal, folder);
  const { loadConfig } = await import('../config/load.ts');
  const loaded = loadConfig(config);
  const people = loaded.people.map(({ name, displayName, kind, groups }): [string, Principal] => [
    name,
    { name, displayName, kind, groups },
  ]);
  const targets = loaded.targets.map(({ name, protocol, labels }): [string, CastTarget] => [name, { name, protocol, labels }]);
  return { people: new Map(people), targets: new Map(targets), ambiguous: new Set(), tables: new Map() };
}

function castOfTests(terminal: Terminal, folder: PolicyFolderTexts): Cast {
  const people = new Map<string, Principal>();
  const targets = new Map<string, CastTarget>();
  const ambiguous = new Set<string>();
  const tables = new Map<string, Tables>();
  const add = <Value>(map: Map<string, Value>, name: string, value: Value): void => {
    const known = map.get(name);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(value)) ambiguous.add(name);
    else map.set(name, value);
  };
  for (const { tests } of readTests(terminal, folder.tests)) {
    for (const [name, { groups, kind }] of Object.entries(tests?.people ?? {}))
      add(people, name, principal(name, groups, kind ?? 'person'));
    for (const [name, { protocol, labels, tables: its = {} }] of Object.entries(tests?.targets ?? {})) {
      add(targets, name, target(name, protocol, labels ?? {}));
      tables.set(name, { ...tables.get(name), ...its });
    }
  }
  return { people, targets, ambiguous, tables };
}

export interface PersonOptions {
  readonly groups?: string | undefined;
  readonly kind?: string | undefined;
}

export interface TargetOptions {
  readonly protocol?: string | undefined;
  readonly label?: readonly string[] | undefined;
}

/** The person of that name; what the options say counts more than what is known. */
export function personNamed(cast: Cast, name: string, options: PersonOptions): Principal {
  const known = cast.people.get(name);
  const kind = oneOf(principalKinds, options.kind, '--kind') ?? known?.kind ?? 'person';
  if (options.groups !== undefined) return principal(name, words(options.groups), kind);
  if (known === undefined) throw unknown(name, 'nobody', 'groups: add --groups NAME,NAME', cast.people.keys());
  if (cast.ambiguous.has(name)) throw ambiguousName(name, '--groups');
  return { ...known, kind };
}

/** The target of that name, likewise. */
export function targetNamed(cast: Cast, name: string, options: TargetOptions): CastTarget {
  const known = cast.targets.get(name);
  const protocol = oneOf(protocols, options.protocol, '--protocol') ?? known?.protocol;
  if (protocol === undefined)
    throw unknown(name, 'no target', 'protocol and labels: add --protocol and --label NAME=VALUE', cast.targets.keys());
  if (options.label !== undefined) return target(name, protocol, labels(options.label));
  if (cast.ambiguous.has(name)) throw ambiguousName(name, '--protocol and --label');
  return target(name, protocol, known?.labels ?? {});
}

/** "statement" on databases, "command" on SSH, when nothing is said. */
export function actionKindOf(protocol: Protocol, given: string | undefined): ActionKind {
  return oneOf(actionKinds, given, '--action') ?? (protocol === 'ssh' ? 'command' : 'statement');
}

export function principal(name: string, groups: readonly string[], kind: PrincipalKind): Principal {
  return { name: name as Principal['name'], displayName: name, kind, groups };
}

export function target(name: string, protocol: Protocol, labels: Readonly<Record<string, string>>): CastTarget {
  return { name: name as CastTarget['name'], protocol, labels };
}

function words(text: string): string[] {
  return text.split(',').flatMap((word) => (word.trim() === '' ? [] : [word.trim()]));
}

function labels(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((label) => {
      const at = label.indexOf('=');
      if (at < 1) throw new CommandFailure(exitCode.usage, `--label ${visible(label)}: write NAME=VALUE`);
      return [label.slice(0, at), label.slice(at + 1)];
    }),
  );
}

function oneOf<Word extends string>(known: readonly Word[], given: string | undefined, option: string): Word | undefined {
  if (given === undefined) return undefined;
  const found = known.find((word) => word === given);
  if (found === undefined) throw new CommandFailure(exitCode.usage, `${option} ${visible(given)}: one of ${known.join(', ')}`);
  return found;
}

function unknown(name: string, nothing: string, add: string, known: Iterable<string>): CommandFailure {
  const names = [...known].slice(0, 20).map(visible).join(', ');
  const hint = `say its ${add}, or name a configuration with --config${names === '' ? '' : `; known here: ${names}`}`;
  return new CommandFailure(exitCode.usage, `${nothing} is named ${visible(name)} here`, hint);
}

function ambiguousName(name: string, option: string): CommandFailure {
  return new CommandFailure(exitCode.usage, `test files describe ${visible(name)} differently: say ${option}`);
}
