// Channels and webhooks: how each is doing, and what was sent: delivered, on its way, or given up, and why.

import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { ChannelView, DeliveryView } from '../../api/contract.ts';
import { adminApi } from '../admin-api.ts';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { Ago, At } from '../parts/time.tsx';
import { visibleText } from '../visible.ts';
import { plural } from '../words.ts';
import type { Tone } from '../words.ts';

const pollMs = 5_000;
const states: Readonly<Record<DeliveryView['state'], { readonly tone: Tone; readonly words: string }>> = {
  pending: { tone: 'wait', words: 'on its way' },
  delivered: { tone: 'ok', words: 'delivered' },
  failed: { tone: 'bad', words: 'given up' },
};

export default function DeliveriesPage() {
  const deliveries = useInfiniteQuery({
    queryKey: ['deliveries'],
    queryFn: ({ pageParam, signal }) => adminApi.deliveries(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: pollMs,
  });
  const items = deliveries.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Channels</Heading>
      </div>
      <ChannelsPanel />
      <section className="panel" aria-label="Deliveries">
        <header>
          <h2>Deliveries</h2>
        </header>
        {deliveries.data === undefined ? (
          deliveries.error === null ? (
            <Loading />
          ) : (
            <div className="panel-body">
              <ProblemNote error={deliveries.error} onRetry={() => void deliveries.refetch()} />
            </div>
          )
        ) : items.length === 0 ? (
          <Empty title="Nothing was sent yet">
            <p>
              Webhooks and channels are set in the gateway’s configuration, under <code>webhooks</code> and <code>channels</code>.
            </p>
          </Empty>
        ) : (
          items.map((delivery) => <DeliveryRow key={delivery.id} delivery={delivery} />)
        )}
        {deliveries.hasNextPage ? (
          <div className="more">
            <Button size="xs" loading={deliveries.isFetchingNextPage} onClick={() => void deliveries.fetchNextPage()}>
              Older
            </Button>
          </div>
        ) : null}
      </section>
    </div>
  );
}

const kinds: Readonly<Record<ChannelView['kind'], string>> = {
  webhook: 'webhook',
  slack: 'Slack',
  mail: 'e-mail',
  teams: 'Microsoft Teams',
  push: 'Web Push',
  github: 'GitHub deployments',
  gitlab: 'GitLab',
  inbound: 'signed answers from outside',
};

function ChannelsPanel() {
  const channels = useQuery({ queryKey: ['channels'], queryFn: ({ signal }) => adminApi.channels(signal), refetchInterval: pollMs });
  const items = channels.data?.items ?? [];
  if (channels.error !== null) return <ProblemNote error={channels.error} onRetry={() => void channels.refetch()} />;
  if (items.length === 0) return null;
  return (
    <section className="panel" aria-label="Channels">
      {items.map((channel) => (
        <ChannelRow key={`${channel.kind} ${channel.name}`} channel={channel} />
      ))}
    </section>
  );
}

function ChannelRow({ channel: { name, kind, last, waiting } }: { readonly channel: ChannelView }) {
  return (
    <div className="list-row">
      <span className="list-main">
        <strong>{name}</strong>
        <small className="dim">{kinds[kind]}</small>
      </span>
      <span className="list-facts">
        {last === null ? null : (
          <span>
            last tried <Ago at={last.at} />
          </span>
        )}
        {waiting === 0 ? null : <span>{plural(waiting, 'delivery', 'deliveries')} on the way</span>}
        {last?.words == null ? null : <span className="break">{visibleText(last.words)}</span>}
      </span>
      <span className="list-end">
        {kind === 'inbound' ? (
          <Tag tone="plain">listens</Tag>
        ) : last === null ? (
          <Tag tone="plain">nothing sent yet</Tag>
        ) : (
          <Tag tone={states[last.state].tone}>{last.state === 'pending' ? 'fails, tried again' : states[last.state].words}</Tag>
        )}
      </span>
    </div>
  );
}

function DeliveryRow({ delivery }: { readonly delivery: DeliveryView }) {
  const { tone, words } = states[delivery.state];
  return (
    <div className="list-row">
      <span className="list-main">
        <strong>{delivery.webhook}</strong>
        <small className="dim">
          <span className="mono">{delivery.event}</span>
          {delivery.hold_id === null ? null : (
            <>
              {' · '}
              <Link href={`/holds/${delivery.hold_id}`}>hold {delivery.hold_id}</Link>
            </>
          )}
        </small>
      </span>
      <span className="list-facts">
        <span>
          <Ago at={delivery.created_at} />
        </span>
        <span>
          {plural(delivery.attempts, 'attempt')}
          {delivery.last_status === null ? '' : `, last answer ${delivery.last_status}`}
        </span>
        {delivery.next_attempt_at === null ? null : (
          <span>
            next at <At at={delivery.next_attempt_at} />
          </span>
        )}
        {delivery.last_error === null ? null : <span className="break">{visibleText(delivery.last_error)}</span>}
      </span>
      <span className="list-end">
        <Tag tone={tone}>{words}</Tag>
      </span>
    </div>
  );
}
