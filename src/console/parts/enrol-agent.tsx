// Enrolling an agent: a name, labels, where it may dial, and then the one line to run on its machine. The token is shown once.

import { Button, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import type { EnrolmentTokenIssued } from '../../api/contract.ts';
import { adminApi } from '../admin-api.ts';
import { CopyLine } from './copy.tsx';
import { Note, ProblemNote } from './notes.tsx';
import { At } from './time.tsx';

export function EnrolAgent() {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState('');
  const [labels, setLabels] = useState('');
  const [allow, setAllow] = useState('');
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => adminApi.createEnrolmentToken(name.trim(), labelsOf(labels)),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['enrolment-tokens'] }),
  });
  const close = (): void => {
    setOpen(false);
    // Shown once: it is not kept in this page either.
    create.reset();
    setName('');
    setLabels('');
    setAllow('');
  };
  return (
    <>
      <Button size="xs" leftSection={<IconPlus size={16} />} onClick={() => setOpen(true)}>
        Enrol an agent
      </Button>
      <Modal opened={open} onClose={close} title="Enrol an agent" size="lg" closeOnClickOutside={create.data === undefined}>
        {create.data === undefined ? (
          <form
            className="card"
            style={{ padding: 0 }}
            onSubmit={(event) => {
              event.preventDefault();
              create.mutate();
            }}
          >
            <p>An agent runs in a network that the gateway can’t reach, dials out to it, and opens the addresses that you allow.</p>
            <TextInput label="Name" placeholder="eu-vpc" required value={name} onChange={(event) => setName(event.currentTarget.value)} />
            <TextInput
              label="Labels"
              placeholder="region=eu, env=prod"
              value={labels}
              onChange={(event) => setLabels(event.currentTarget.value)}
            />
            <TextInput
              label="May dial"
              placeholder="db.internal:5432, 10.1.0.0/16:22"
              description="Goes into the line to run. The agent alone enforces it."
              value={allow}
              onChange={(event) => setAllow(event.currentTarget.value)}
            />
            {create.error === null ? null : <ProblemNote error={create.error} />}
            <Button type="submit" variant="primary" loading={create.isPending} disabled={name.trim() === ''}>
              Make the line to run
            </Button>
          </form>
        ) : (
          <Issued issued={create.data} allow={allow} onDone={close} />
        )}
      </Modal>
    </>
  );
}

function Issued({ issued, allow, onDone }: { readonly issued: EnrolmentTokenIssued; readonly allow: string; readonly onDone: () => void }) {
  const places = allow.split(/[\s,]+/).filter((place) => place !== '');
  const allowed = (places.length === 0 ? ['HOST:PORT'] : places).map((place) => `--allow ${word(place)}`).join(' ');
  const line = `SALLYPORT_AGENT_TOKEN=${issued.token} sallyport agent --gateway ${word(issued.gateway)} --state /var/lib/sallyport-agent ${allowed}`;
  return (
    <div className="card" style={{ padding: 0 }}>
      <p>Run this on the agent’s machine. Later starts need no token.</p>
      <CopyLine text={line} label="Copy the line" />
      {places.length === 0 ? <p className="dim">Put what it may reach in the place of HOST:PORT.</p> : null}
      <Note tone="wait">This is the only time the token is shown. It enrols one agent.</Note>
      <p className="dim">
        Ends <At at={issued.expires_at} date />.
      </p>
      <Button onClick={onDone}>Done</Button>
    </div>
  );
}

/** "region=eu, env=prod". A word without "=" is a label without a value. */
function labelsOf(text: string): Record<string, string> {
  const pairs = text.split(/[\s,]+/).filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      return at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Quoted for a shell where that is needed: the line is made to be pasted. */
function word(text: string): string {
  return /^[\w.@%+:/[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
