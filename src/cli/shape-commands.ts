// Names, options and help of the commands about approved shapes. What they do is in shapes.ts, loaded when run.

import type { Command as Commander } from 'commander';
import type { CommandTable } from './access-commands.ts';
import type { ShapesOptions } from './shapes.ts';

/** Adds to `approve` what makes a yes count for the shape of the statement. */
export function shapeOptions(approve: Commander): Commander {
  const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
  return approve
    .option('--shape-for <time>', 'also every statement of this shape, by this person on this target, for so long, as in 30m')
    .option('--shape-uses <number>', 'at most so often')
    .option('--parameter <n=what>', 'what literal n may be: any, equal (default), 1..100, one-of:a,b; can be repeated', collect);
}

export function shapeCommands(root: Commander, { remote, listing, run }: CommandTable): void {
  const shapes = listing(remote(root.command('shapes')))
    .argument('[shape]', 'one of them in full, as in sh-7K3M9Q')
    .description('list statements that are approved by their shape for a while; end one; see what a hold offers')
    .option('--all', 'those that have ended too')
    .option('--person <name>', 'of this person')
    .option('--target <name>', 'on this target')
    .action((id: string | undefined, options: ShapesOptions) =>
      run(options, async (it) => (await import('./shapes.ts')).shapes(it, id, options)),
    );
  remote(shapes.command('revoke'))
    .argument('<shape>')
    .description('end it at once: the next such statement waits again')
    .option('--reason <words>', 'kept in the audit log')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<{ reason?: string }>();
      return run(options, async (it) => (await import('./shapes.ts')).revokeShape(it, id, options));
    });
  remote(shapes.command('offer'))
    .argument('<hold>')
    .description('the shape of what waits, and its parameters')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<{ json?: boolean }>();
      return run(options, async (it) => (await import('./shapes.ts')).shapeOffer(it, id, options));
    });
}
