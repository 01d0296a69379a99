// Taking one's own yes back, while the hold waits for others.

import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { HoldView } from '../../api/contract.ts';
import { holdApi } from '../hold-api.ts';
import { keys, rememberHold } from '../queries.ts';
import { ProblemNote } from '../parts/notes.tsx';

export function TakeBack({ hold }: { readonly hold: HoldView }) {
  const client = useQueryClient();
  const sending = useMutation({
    mutationFn: () => holdApi.takeBack(hold.id),
    onSuccess: (now) => rememberHold(client, now),
    onError: () => void client.invalidateQueries({ queryKey: keys.hold(hold.id) }),
  });
  return (
    <div>
      {sending.error === null ? null : <ProblemNote error={sending.error} />}
      <Button variant="default" size="compact-sm" loading={sending.isPending} onClick={() => sending.mutate()}>
        Take my approval back
      </Button>
    </div>
  );
}
