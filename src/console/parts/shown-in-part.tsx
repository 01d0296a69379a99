// Says that a long text or list is shown in part, with the way to all of it.

import { Button } from '@mantine/core';
import { Note } from './notes.tsx';

export function ShownInPart({ words, onAll }: { readonly words: string; readonly onAll: () => void }) {
  return (
    <div className="more">
      <Note
        tone="wait"
        end={
          <Button size="compact-sm" onClick={onAll}>
            Show all
          </Button>
        }
      >
        {words}
      </Note>
    </div>
  );
}
