// Beside the screen: the commands that were run, and where a text was shown. A click goes there.

import { Button, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { TerminalIndexView } from '../../api/contract.ts';
import { Loading, ProblemNote } from '../parts/notes.tsx';
import { visibleLine } from '../visible.ts';
import { momentWords, plural } from '../words.ts';
import { terminalApi } from './terminal-api.ts';

/** Rows drawn; a recording has up to ten thousand commands. */
const rowsShownMax = 500;

interface Props {
  readonly sessionId: string;
  readonly index: TerminalIndexView;
  readonly atMs: number;
  /** `text` is what to mark on the screen, or empty. */
  readonly onSeek: (atMs: number, text: string) => void;
}

export function Finder({ sessionId, index, atMs, onSeek }: Props) {
  const [words, setWords] = useState('');
  const [wanted, setWanted] = useState('');
  const found = useQuery({
    queryKey: ['terminal-search', sessionId, index.terminal.index, wanted],
    queryFn: ({ signal }) => terminalApi.search(sessionId, index.terminal.index, wanted, signal),
    enabled: wanted !== '',
    staleTime: Infinity,
  });
  return (
    <aside className="terminal-finder">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setWanted(words.trim());
        }}
      >
        <TextInput
          size="xs"
          type="search"
          aria-label="Search in this terminal"
          placeholder="Search what was shown"
          leftSection={<IconSearch size={15} aria-hidden />}
          value={words}
          maxLength={200}
          onChange={(event) => {
            setWords(event.currentTarget.value);
            if (event.currentTarget.value === '') setWanted('');
          }}
        />
        <Button size="xs" type="submit">
          Find
        </Button>
      </form>
      {wanted !== '' ? (
        found.data === undefined ? (
          found.error === null ? (
            <Loading />
          ) : (
            <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
          )
        ) : (
          <Places
            title={
              found.data.hits.length === 0
                ? 'Found nowhere'
                : `Found in ${found.data.more ? 'more than ' : ''}${plural(found.data.hits.length, 'line')}`
            }
            places={found.data.hits.map((hit) => ({ atMs: hit.at_ms, text: hit.line }))}
            atMs={atMs}
            onPick={(at) => onSeek(at, wanted)}
          />
        )
      ) : (
        <Places
          title={index.marks.length === 0 ? 'No command was noted in this terminal' : plural(index.terminal.commands, 'command')}
          places={index.marks.map((mark) => ({ atMs: mark.at_ms, text: mark.text }))}
          atMs={atMs}
          onPick={(at) => onSeek(at, '')}
        />
      )}
    </aside>
  );
}

interface PlacesProps {
  readonly title: string;
  readonly places: readonly { readonly atMs: number; readonly text: string }[];
  readonly atMs: number;
  readonly onPick: (atMs: number) => void;
}

function Places({ title, places, atMs, onPick }: PlacesProps) {
  const here = places.findLastIndex((place) => place.atMs <= atMs);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const row = list.current?.querySelector<HTMLElement>('[aria-current]');
    if (list.current !== null && row !== null && row !== undefined) {
      // The list alone moves, not the page.
      const { offsetTop, offsetHeight } = row;
      const top = offsetTop - list.current.offsetTop;
      if (top < list.current.scrollTop || top + offsetHeight > list.current.scrollTop + list.current.clientHeight)
        list.current.scrollTop = Math.max(0, top - list.current.clientHeight / 2);
    }
  }, [here]);
  const from = Math.max(0, Math.min(here - rowsShownMax / 2, places.length - rowsShownMax));
  return (
    <>
      <p className="dim" role="status">
        {title}
      </p>
      <ol ref={list}>
        {places.slice(from, from + rowsShownMax).map((place, number) => (
          <li key={from + number}>
            <button type="button" aria-current={from + number === here ? 'step' : undefined} onClick={() => onPick(place.atMs)}>
              <span className="replay-clock">{momentWords(place.atMs)}</span>
              <span className="mono break">{visibleLine(place.text)}</span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}
