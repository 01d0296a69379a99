// `sallyport agents`: who reaches private networks for the gateway, a token to enrol one more, the end of one.

import type { AgentView, AgentsRevoked, EnrolmentTokenIssued, EnrolmentTokenView } from '../api/contract.ts';
import type { Command, ListOptions } from './command.ts';
import { clockTime, printJson, segment, span } from './command.ts';
import { durationMs } from './duration.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { printTable } from './table.ts';
import type { Column } from './table.ts';
import { visible } from './visible.ts';

export async function agents(command: Command, options: ListOptions): Promise<void> {
  const items = await command.client.list<AgentView>('/agents', {}, options.limit);
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('no agents; enrol one with `sallyport agents token NAME`');
  printTable(command.terminal, columns(command.nowMs()), items);
}

export interface AgentTokenOptions {
  readonly label: readonly string[];
  readonly ttl: string;
  readonly json?: boolean | undefined;
}

export async function agentToken(command: Command, name: string, options: AgentTokenOptions): Promise<void> {
  const body = { name, labels: labelsOf(options.label), ttl_ms: durationMs(options.ttl) };
  const issued = await command.client.post<EnrolmentTokenIssued>('/agents/enrolment-tokens', body);
  const { terminal } = command;
  if (options.json === true) return printJson(terminal, issued);
  terminal.out(visible(issued.token));
  terminal.err(`enrols one agent "${visible(issued.name)}", once, until ${clockTime(issued.expires_at)}; on its machine:`);
  terminal.err(
    `  SALLYPORT_AGENT_TOKEN=… sallyport agent --gateway ${visible(issued.gateway)} --state /var/lib/sallyport-agent --allow HOST:PORT`,
  );
}

export async function agentTokens(command: Command, options: ListOptions): Promise<void> {
  const items = await command.client.list<EnrolmentTokenView>('/agents/enrolment-tokens', {}, options.limit);
  if (options.json === true) return printJson(command.terminal, items);
  if (items.length === 0) return command.terminal.err('no token waits to be used');
  printTable(command.terminal, tokenColumns(command.nowMs()), items);
}

export async function revokeAgentToken(command: Command, id: string, options: { readonly json?: boolean | undefined }): Promise<void> {
  const answer = await command.client.delete<AgentsRevoked>(`/agents/enrolment-tokens/${segment(id)}`);
  if (options.json === true) return printJson(command.terminal, answer);
  command.terminal.err('the token enrols nobody any more');
}

export async function revokeAgent(command: Command, name: string, options: { readonly json?: boolean | undefined }): Promise<void> {
  const answer = await command.client.delete<AgentsRevoked>(`/agents/${segment(name)}`);
  if (options.json === true) return printJson(command.terminal, answer);
  command.terminal.err(`${answer.revoked} ${answer.revoked === 1 ? 'agent' : 'agents'} revoked; the links are closed`);
}

function columns(nowMs: number): Column<AgentView>[] {
  return [
    { title: 'AGENT', cell: (agent) => agent.name },
    { title: 'ID', cell: (agent) => agent.id },
    { title: 'STATE', cell: (agent) => (agent.connected ? 'linked' : 'away') },
    { title: 'SEEN', cell: (agent) => (agent.connected ? 'now' : `${span(nowMs - Date.parse(agent.last_seen_at))} ago`) },
    { title: 'LATENCY', cell: (agent) => (agent.latency_ms === null ? '' : `${agent.latency_ms.toFixed(1)} ms`) },
    { title: 'STREAMS', cell: (agent) => String(agent.streams) },
    { title: 'TO AGENT', cell: (agent) => sizeWords(agent.bytes_sent) },
    { title: 'FROM AGENT', cell: (agent) => sizeWords(agent.bytes_received) },
    { title: 'VERSION', cell: (agent) => agent.software },
    { title: 'HOST', cell: (agent) => agent.hostname, shrinks: true },
    { title: 'LABELS', cell: (agent) => pairs(agent.labels), shrinks: true },
    { title: 'MAY REACH', cell: (agent) => agent.allow.join(' '), shrinks: true },
  ];
}

function tokenColumns(nowMs: number): Column<EnrolmentTokenView>[] {
  return [
    { title: 'TOKEN', cell: (token) => token.id },
    { title: 'FOR AGENT', cell: (token) => token.name },
    { title: 'LABELS', cell: (token) => pairs(token.labels), shrinks: true },
    { title: 'MADE', cell: (token) => clockTime(token.created_at) },
    { title: 'BY', cell: (token) => token.created_by },
    { title: 'ENDS IN', cell: (token) => span(Date.parse(token.expires_at) - nowMs) },
  ];
}

function pairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** "0 B", "12 kB", "3.4 GB". */
function sizeWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

function labelsOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new CommandFailure(exitCode.usage, `"${text}" is not a label: write key=value, as in region=eu`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
