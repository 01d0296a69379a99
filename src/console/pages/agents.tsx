// The agents: who reaches private networks for the gateway, how their links do, and what each may dial.

import type { AgentView } from '../../api/contract.ts';
import { CopyLine } from '../parts/copy.tsx';
import { Empty, Loading, ProblemNote } from '../parts/notes.tsx';
import { LabelTags, Tag } from '../parts/tags.tsx';
import { Ago } from '../parts/time.tsx';
import { useAgents } from '../queries.ts';
import { visibleLine } from '../visible.ts';
import { plural, sizeWords } from '../words.ts';

export default function AgentsPage() {
  const agents = useAgents();
  return (
    <div className="page">
      <div className="page-head">
        <h1>Agents</h1>
      </div>
      {agents.data === undefined ? (
        agents.error === null ? (
          <Loading />
        ) : (
          <ProblemNote error={agents.error} onRetry={() => void agents.refetch()} />
        )
      ) : agents.data.items.length === 0 ? (
        <section className="panel">
          <Empty title="No agent is enrolled">
            <p>An agent reaches targets in a network that the gateway can’t. Make a one-time token for one with:</p>
            <CopyLine text="sallyport agents token NAME" label="Copy the line" />
          </Empty>
        </section>
      ) : (
        <div className="cards">
          {agents.data.items.map((agent) => (
            <AgentCard key={agent.id} agent={agent} />
          ))}
        </div>
      )}
    </div>
  );
}

function AgentCard({ agent }: { readonly agent: AgentView }) {
  return (
    <section className="panel card" aria-label={`${agent.name} ${agent.id}`}>
      <div className="hold-line">
        <h2 style={{ fontSize: 15 }}>{agent.name}</h2>
        <Tag tone={agent.connected ? 'ok' : 'wait'}>{agent.connected ? 'linked' : 'away'}</Tag>
        <LabelTags labels={agent.labels} />
      </div>
      <p>
        {agent.connected ? (
          <>
            {plural(agent.streams, 'stream')} open, {agent.streams_total} in all; {sizeWords(agent.bytes_sent)} to it,{' '}
            {sizeWords(agent.bytes_received)} from it{agent.latency_ms === null ? '' : `; ${agent.latency_ms.toFixed(1)} ms away`}
          </>
        ) : (
          <>
            Last seen <Ago at={agent.last_seen_at} />
          </>
        )}
      </p>
      <p>
        May reach{' '}
        {agent.allow.map((pattern) => (
          <Tag key={pattern}>
            <span className="mono break">{visibleLine(pattern)}</span>
          </Tag>
        ))}
      </p>
      <p className="dim">
        <span className="mono">{agent.id}</span> on {visibleLine(agent.hostname)} ({agent.address}), version {visibleLine(agent.software)};
        enrolled by {agent.enrolled_by} <Ago at={agent.enrolled_at} />
      </p>
    </section>
  );
}
