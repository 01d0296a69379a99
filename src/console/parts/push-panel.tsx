// Notifications in this browser while the console is closed.

import { Button } from '@mantine/core';
import { IconBell, IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { hasPush, pushApi, subscribeHere } from '../push.ts';
import { visibleText } from '../visible.ts';
import { Note, ProblemNote } from './notes.tsx';
import { Ago } from './time.tsx';

const pushKey = ['push'] as const;

export function PushPanel() {
  const client = useQueryClient();
  const push = useQuery({ queryKey: pushKey, queryFn: ({ signal }) => pushApi.view(signal) });
  const onSuccess = (view: unknown) => client.setQueryData(pushKey, view);
  const add = useMutation({ mutationFn: (publicKey: string) => subscribeHere(publicKey), onSuccess });
  const remove = useMutation({ mutationFn: (browserId: string) => pushApi.remove(browserId), onSuccess });
  const publicKey = push.data?.public_key ?? null;
  if (push.data === undefined || publicKey === null) return null;
  return (
    <section className="panel" aria-label="Notifications">
      <header>
        <h2>Notifications</h2>
      </header>
      <div className="panel-body login">
        <p className="dim">Browsers that are told when somebody waits for your answer, also while the console is closed.</p>
        {add.error === null ? null : <ProblemNote error={add.error} />}
        {remove.error === null ? null : <ProblemNote error={remove.error} />}
        {push.data.browsers.map(({ id, name, created_at: at }) => (
          <div key={id} className="list-row">
            <span className="list-main">
              <strong>{visibleText(name)}</strong>
              <small className="dim">
                since <Ago at={at} />
              </small>
            </span>
            <span className="list-end">
              <Button size="xs" leftSection={<IconTrash size={14} />} loading={remove.isPending} onClick={() => remove.mutate(id)}>
                Remove
              </Button>
            </span>
          </div>
        ))}
        {hasPush ? (
          <Button leftSection={<IconBell size={16} />} loading={add.isPending} onClick={() => add.mutate(publicKey)}>
            Notify this browser
          </Button>
        ) : (
          <Note tone="info">This browser takes no notifications. On an iPhone or iPad, add the console to the home screen first.</Note>
        )}
      </div>
    </section>
  );
}
