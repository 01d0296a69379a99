// People and machines: who they are, which groups they are in, who is shut out. Operators may shut somebody out at once.

import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import type { Me, PersonView } from '../../api/contract.ts';
import { adminApi } from '../admin-api.ts';
import { Answered } from '../parts/answered.tsx';
import { ConfirmButton } from '../parts/confirm.tsx';
import { Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { visibleLine } from '../visible.ts';

const kinds = { person: 'person', machine: 'machine', 'ai-agent': 'AI agent' } as const;

export default function PeoplePage({ me }: { readonly me: Me }) {
  const people = useQuery({ queryKey: ['people'], queryFn: ({ signal }) => adminApi.people(signal) });
  const [words, setWords] = useState('');
  const wanted = useDeferredValue(words.trim().toLowerCase());
  return (
    <div className="page">
      <div className="page-head">
        <Heading>People</Heading>
        <div className="filters end">
          <Search label="Search people" placeholder="Name or group" value={words} onChange={setWords} />
        </div>
      </div>
      <section className="panel" aria-label="People">
        <Answered of={people}>
          {({ items }) => {
            const found = items.filter((person) => wanted === '' || haystack(person).includes(wanted));
            return found.length === 0 ? (
              <Empty title={items.length === 0 ? 'Nobody yet' : 'Nobody matches'} />
            ) : (
              found.map((person) => <PersonRow key={person.name} person={person} me={me} />)
            );
          }}
        </Answered>
      </section>
    </div>
  );
}

function haystack({ name, display_name: displayName, groups }: PersonView): string {
  return [name, displayName, ...groups].join('\n').toLowerCase();
}

function PersonRow({ person, me }: { readonly person: PersonView; readonly me: Me }) {
  const client = useQueryClient();
  const again = (): void => void client.invalidateQueries({ queryKey: ['people'] });
  const enable = useMutation({ mutationFn: () => adminApi.setDisabled(person.name, false), onSuccess: again });
  return (
    <div className="list-row">
      <span className="list-main">
        <strong>{visibleLine(person.display_name)}</strong>
        <small className="mono dim">{visibleLine(person.name)}</small>
      </span>
      <span className="tags">
        {person.kind === 'person' ? null : <Tag tone="info">{kinds[person.kind]}</Tag>}
        {person.disabled ? <Tag tone="bad">shut out</Tag> : null}
        {person.groups.map((group) => (
          <Tag key={group}>{visibleLine(group)}</Tag>
        ))}
        {person.groups.length === 0 ? <span className="dim">in no group</span> : null}
      </span>
      <span className="list-end">
        {!me.rights.includes('operate') || person.name === me.name ? null : person.disabled ? (
          <Button size="compact-xs" loading={enable.isPending} onClick={() => enable.mutate()}>
            Let in again
          </Button>
        ) : (
          <ConfirmButton
            label="Shut out"
            title={`Shut out ${person.name}?`}
            act={() => adminApi.setDisabled(person.name, true)}
            onDone={again}
          >
            Their sessions end at once, their holds are withdrawn, and no token, key or link of theirs works until somebody lets them in
            again.
          </ConfirmButton>
        )}
      </span>
      {enable.error === null ? null : <ProblemNote error={enable.error} />}
    </div>
  );
}
