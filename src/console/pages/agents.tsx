// The agents: who reaches private networks for the gateway, how their links do, and what each may dial.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { AgentView, Me } from '../../api/contract.ts';
import { adminApi } from '../admin-api.ts';
import { ConfirmButton } from '../parts/confirm.tsx';
import { EnrolAgent } from '../parts/enrol-agent.tsx';
import { CopyLine } from '../parts/copy.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, ProblemNote } from '../parts/notes.tsx';
import { LabelTags, Tag } from '../parts/tags.tsx';
import { Ago, At } from '../parts/time.tsx';
import { useAgents } from '../queries.ts';
import { visibleLine } from '../visible.ts';
import { plural, sizeWords } from '../words.ts';

export default function AgentsPage({ me }: { readonly me: Me }) {
  const agents = useAgents();
  const mayChange = me.rights.includes('operate');
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Agents</Heading>
        {mayChange ? (
          <div className="end">
            <EnrolAgent />
          </div>
        ) : null}
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
            <p>
              An agent reaches targets in a network that the gateway can’t.{' '}
              {mayChange ? 'Enrol one here, or with:' : 'An operator enrols one here, or with:'}
            </p>
            <CopyLine text="sallyport agents token NAME" label="Copy the line" />
          </Empty>
        </section>
      ) : (
        <div className="cards">
          {agents.data.items.map((agent) => (
            <AgentCard key={agent.id} agent={agent} mayRevoke={mayChange} />
          ))}
        </div>
      )}
      <OpenTokens mayRevoke={mayChange} />
    </div>
  );
}

/** Tokens that nobody has used yet. */
function OpenTokens({ mayRevoke }: { readonly mayRevoke: boolean }) {
  const client = useQueryClient();
  const tokens = useQuery({ queryKey: ['enrolment-tokens'], queryFn: ({ signal }) => adminApi.enrolmentTokens(signal) });
  const items = tokens.data?.items ?? [];
  if (tokens.error !== null) return <ProblemNote error={tokens.error} onRetry={() => void tokens.refetch()} />;
  if (items.length === 0) return null;
  return (
    <section className="panel" aria-label="Enrolment tokens">
      <header>
        <h2>Enrolment tokens that nobody has used</h2>
      </header>
      {items.map((token) => (
        <div key={token.id} className="list-row">
          <span className="list-main">
            <strong>{visibleLine(token.name)}</strong>
            <small className="dim mono">{token.id}</small>
          </span>
          <span className="list-facts">
            <span>
              made by {visibleLine(token.created_by)} <Ago at={token.created_at} />
            </span>
            <span>
              ends <At at={token.expires_at} date />
            </span>
            <span className="tags">
              <LabelTags labels={token.labels} />
            </span>
          </span>
          <span className="list-end">
            {mayRevoke ? (
              <ConfirmButton
                label="Revoke"
                title={`Revoke the token for ${token.name}?`}
                act={() => adminApi.revokeEnrolmentToken(token.id)}
                onDone={() => void client.invalidateQueries({ queryKey: ['enrolment-tokens'] })}
              >
                Nobody can enrol an agent with it any more. Agents that are enrolled stay.
              </ConfirmButton>
            ) : null}
          </span>
        </div>
      ))}
    </section>
  );
}

function AgentCard({ agent, mayRevoke }: { readonly agent: AgentView; readonly mayRevoke: boolean }) {
  const client = useQueryClient();
  return (
    <section className="panel card" aria-label={`${agent.name} ${agent.id}`}>
      <div className="hold-line">
        <h2 style={{ fontSize: '0.9375rem' }}>{agent.name}</h2>
        <Tag tone={agent.connected ? 'ok' : 'wait'}>{agent.connected ? 'linked' : 'away'}</Tag>
        <LabelTags labels={agent.labels} />
        {mayRevoke ? (
          <span style={{ marginLeft: 'auto' }}>
            <ConfirmButton
              label="Revoke"
              title={`Revoke ${agent.name} on ${agent.hostname}?`}
              act={() => adminApi.revokeAgent(agent.id)}
              onDone={() => void client.invalidateQueries({ queryKey: ['agents'] })}
            >
              Its link is cut at once and sessions through it end. To come back it must be enrolled anew.
            </ConfirmButton>
          </span>
        ) : null}
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
