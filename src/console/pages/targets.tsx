// The targets, and how to reach each with the tools one has: a line to paste, and a short-lived access token to go with it.

import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { IconKey } from '@tabler/icons-react';
import { useState } from 'react';
import type { Me, TargetView, TokenIssued } from '../../api/contract.ts';
import { api } from '../api.ts';
import { CopyLine } from '../parts/copy.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { LabelTags, Tag } from '../parts/tags.tsx';
import { At } from '../parts/time.tsx';
import { useTargets } from '../queries.ts';

export default function TargetsPage({ me }: { readonly me: Me }) {
  const targets = useTargets();
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Targets</Heading>
        <div className="end">
          <MakeToken me={me} />
        </div>
      </div>
      {targets.data === undefined ? (
        targets.error === null ? (
          <Loading />
        ) : (
          <ProblemNote error={targets.error} onRetry={() => void targets.refetch()} />
        )
      ) : targets.data.items.length === 0 ? (
        <section className="panel">
          <Empty title="No target is configured">
            <p>Targets are listed in the gateway’s configuration.</p>
          </Empty>
        </section>
      ) : (
        <div className="cards">
          {targets.data.items.map((target) => (
            <TargetCard key={target.name} target={target} />
          ))}
        </div>
      )}
    </div>
  );
}

function TargetCard({ target }: { readonly target: TargetView }) {
  return (
    <section className="panel card" aria-label={target.name}>
      <div className="hold-line">
        <h2 style={{ fontSize: '0.9375rem' }}>{target.name}</h2>
        <Tag>{target.protocol}</Tag>
        <LabelTags labels={target.labels} />
      </div>
      <CopyLine text={target.connect} label={`Copy the line for ${target.name}`} />
      <p className="dim">
        Stands at <span className="mono break">{target.host.startsWith('/') ? target.host : `${target.host}:${target.port}`}</span>; its
        credentials stay in the gateway.
      </p>
    </section>
  );
}

function MakeToken({ me }: { readonly me: Me }) {
  const [open, setOpen] = useState(false);
  const issue = useMutation({ mutationFn: () => api.issueToken('console') });
  const close = (): void => {
    setOpen(false);
    // Shown once: it is not kept in this page either.
    issue.reset();
  };
  return (
    <>
      <Button size="xs" leftSection={<IconKey size={16} />} onClick={() => setOpen(true)}>
        Make an access token
      </Button>
      <Modal opened={open} onClose={close} title="Access token" size="lg" closeOnClickOutside={issue.data === undefined}>
        {issue.data === undefined ? (
          <div className="card" style={{ padding: 0 }}>
            <p>
              A token signs {me.name} in to every target that policy allows: it is the password for psql and mysql. It lives for a short
              time and is shown once.
            </p>
            {issue.error === null ? null : <ProblemNote error={issue.error} />}
            <Button variant="primary" loading={issue.isPending} onClick={() => issue.mutate()}>
              Make a token
            </Button>
          </div>
        ) : (
          <Issued token={issue.data} onDone={close} />
        )}
      </Modal>
    </>
  );
}

function Issued({ token, onDone }: { readonly token: TokenIssued; readonly onDone: () => void }) {
  return (
    <div className="card" style={{ padding: 0 }}>
      <CopyLine text={token.token} label="Copy the token" />
      <CopyLine text={`export PGPASSWORD='${token.token}'`} label="Copy the line for psql" />
      <Note tone="wait">This is the only time it is shown. Give it to nobody: it acts as {token.person}.</Note>
      <p className="dim">
        Ends <At at={token.expires_at} date />.
      </p>
      <Button onClick={onDone}>Done</Button>
    </div>
  );
}
