// `sallyport agent`: runs an agent, which dials out to a gateway from a network that the gateway can't reach.

import type { AgentFlags } from '../../agent/run-agent.ts';

/** Ends the process: a socket that lingers must not keep an agent that has nothing left to do. */
export async function runAgentCommand(flags: AgentFlags, version: string): Promise<never> {
  const { runAgent } = await import('../../agent/run-agent.ts');
  process.exit(await runAgent(flags, version));
}
