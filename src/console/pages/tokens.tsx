// Access tokens that work now: one's own, and everybody's for operators and auditors. The token itself is never shown again.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { Link } from 'wouter';
import type { Me, TokenView } from '../../api/contract.ts';
import { adminApi } from '../admin-api.ts';
import { Answered } from '../parts/answered.tsx';
import { ConfirmButton } from '../parts/confirm.tsx';
import { Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty } from '../parts/notes.tsx';
import { Ago, At } from '../parts/time.tsx';
import { visibleLine } from '../visible.ts';

export default function TokensPage({ me }: { readonly me: Me }) {
  const tokens = useQuery({ queryKey: ['tokens'], queryFn: ({ signal }) => adminApi.tokens(signal) });
  const [words, setWords] = useState('');
  const wanted = useDeferredValue(words.trim().toLowerCase());
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Access tokens</Heading>
        <div className="filters end">
          <Search label="Search tokens" placeholder="Person or name" value={words} onChange={setWords} />
        </div>
      </div>
      <section className="panel" aria-label="Access tokens">
        <Answered of={tokens}>
          {({ items }) => {
            const found = items.filter(
              ({ person, name, id }) => wanted === '' || `${person}\n${name}\n${id}`.toLowerCase().includes(wanted),
            );
            return found.length > 0 ? (
              found.map((token) => <TokenRow key={token.id} token={token} me={me} />)
            ) : items.length > 0 ? (
              <Empty title="No token matches" />
            ) : (
              <Empty title="No token works now">
                <p>
                  Make one under <Link href="/targets">Targets</Link>, or with <code>sallyport token</code>.
                </p>
              </Empty>
            );
          }}
        </Answered>
      </section>
    </div>
  );
}

function TokenRow({ token, me }: { readonly token: TokenView; readonly me: Me }) {
  const client = useQueryClient();
  return (
    <div className="list-row">
      <span className="list-main">
        <strong>{visibleLine(token.name)}</strong>
        <small className="dim">
          {visibleLine(token.person)} · <span className="mono">{token.id}</span>
        </small>
      </span>
      <span className="list-facts">
        <span>
          made <Ago at={token.created_at} />
        </span>
        <span>
          {token.last_used_at === null ? (
            'never used'
          ) : (
            <>
              used <Ago at={token.last_used_at} />
            </>
          )}
        </span>
        <span>
          ends <At at={token.expires_at} date />
        </span>
      </span>
      <span className="list-end">
        {token.person === me.name || me.rights.includes('operate') ? (
          <ConfirmButton
            label="Revoke"
            title={`Revoke “${token.name}” of ${token.person}?`}
            act={() => adminApi.revokeToken(token.id)}
            onDone={() => void client.invalidateQueries({ queryKey: ['tokens'] })}
          >
            It stops working at once, and sessions that were opened with it end.
          </ConfirmButton>
        ) : null}
      </span>
    </div>
  );
}
