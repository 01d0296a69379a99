// The button that ends a session, and the question before it.

import { Button, Modal } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { SessionView } from '../../api/contract.ts';
import { api } from '../api.ts';
import { keys } from '../queries.ts';
import { visibleLine } from '../visible.ts';
import { Sure } from './confirm.tsx';
import { ProblemNote } from './notes.tsx';

export function EndSession({ session }: { readonly session: SessionView }) {
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const kill = useMutation({
    mutationFn: () => api.kill(session.id),
    onSuccess: async () => {
      setAsking(false);
      await client.invalidateQueries({ queryKey: keys.session(session.id) });
      await client.invalidateQueries({ queryKey: keys.sessions });
    },
  });
  return (
    <>
      <Button size="xs" c="var(--sp-bad-text)" onClick={() => setAsking(true)}>
        End session
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title="End this session?">
        <p>
          {visibleLine(session.principal)} is disconnected from {session.target} at once. {whatEnds(session.protocol)}; what waits for
          approval is withdrawn.
        </p>
        {kill.error === null ? null : (
          <div style={{ marginTop: 12 }}>
            <ProblemNote error={kill.error} />
          </div>
        )}
        <div className="two-buttons" style={{ marginTop: 16 }}>
          <Button onClick={() => setAsking(false)}>Keep it</Button>
          <Sure label="End session" working={kill.isPending} onSure={() => kill.mutate()} />
        </div>
      </Modal>
    </>
  );
}

function whatEnds(protocol: string): string {
  return protocol === 'ssh'
    ? 'Its shell, commands and transfers end'
    : 'A statement that runs is cancelled and an open transaction is rolled back';
}
