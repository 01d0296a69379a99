// A line to copy: what is copied is exactly what is shown.

import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';

export function CopyLine({ text, label }: { readonly text: string; readonly label: string }) {
  const clipboard = useClipboard({ timeout: 2_000 });
  return (
    <div className="copy-line">
      <code>{text}</code>
      <button type="button" className="icon-button" aria-label={label} title={label} onClick={() => clipboard.copy(text)}>
        {clipboard.copied ? <IconCheck size={17} /> : <IconCopy size={17} />}
      </button>
      <span className="unseen" role="status">
        {clipboard.copied ? 'copied' : ''}
      </span>
    </div>
  );
}
