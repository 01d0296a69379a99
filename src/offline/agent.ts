// `sallyport agent`: runs an agent, which dials out to a gateway from a network that the gateway can't reach.

import type { AgentFlags } from '../../agent/run-agent.ts';

/** The exit code. */
export async function runAgentCommand(flags: AgentFlags, version: string): Promise<number> {
  const { runAgent } = await import('../../agent/run-agent.ts');
  return runAgent(flags, version);
}
