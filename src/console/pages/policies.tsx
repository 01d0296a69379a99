// The policies in force, as the files they are, and a banner when a newer version on disk was not taken.

import { useMemo } from 'react';
import { highlight } from '../highlight.ts';
import { Empty, Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Ago } from '../parts/time.tsx';
import { usePolicies } from '../queries.ts';
import { statementLines } from '../statement-lines.ts';
import { visibleText } from '../visible.ts';
import { plural } from '../words.ts';
import { IconAlertTriangle } from '@tabler/icons-react';

const versionCharactersShown = 12;

export default function PoliciesPage() {
  const policies = usePolicies();
  if (policies.data === undefined) {
    return policies.error === null ? (
      <Loading />
    ) : (
      <div className="page">
        <ProblemNote error={policies.error} onRetry={() => void policies.refetch()} />
      </div>
    );
  }
  const { version, loaded_at: loadedAt, files, rejected } = policies.data;
  return (
    <div className="page">
      <div className="page-head">
        <h1>Policies</h1>
        <span className="dim">
          version{' '}
          <span className="mono" title={version}>
            {version.slice(0, versionCharactersShown)}
          </span>
          , loaded <Ago at={loadedAt} />
        </span>
      </div>
      {rejected.length === 0 ? null : (
        <div role="alert">
          <Note tone="bad" icon={<IconAlertTriangle size={18} />}>
            <b>The newest files on disk were not taken. What you see below stays in force.</b>
            {'\n'}
            {visibleText(rejected.join('\n'))}
          </Note>
        </div>
      )}
      {files.length === 0 ? (
        <section className="panel">
          <Empty title="No policy file">
            <p>Without a policy every statement is denied.</p>
          </Empty>
        </section>
      ) : (
        files.map((file) => (
          <section key={file.path} className="panel" aria-label={file.path}>
            <header>
              <h2 className="mono break">{file.path}</h2>
              <span className="dim end">{plural(file.text.trimEnd().split('\n').length, 'line')}</span>
            </header>
            <Yaml text={file.text.trimEnd()} />
          </section>
        ))
      )}
    </div>
  );
}

function Yaml({ text }: { readonly text: string }) {
  const { lines } = useMemo(() => statementLines(text, highlight(text, 'yaml'), []), [text]);
  return (
    <div className="statement" tabIndex={0} role="region" aria-label="Policy file" style={{ maxHeight: 'none', fontSize: 13 }}>
      {lines.map((line, index) => (
        <div key={index} className="statement-line">
          <span className="line-number" aria-hidden="true">
            {index + 1}
          </span>
          <code>
            {line.map((piece) => (
              <span key={piece.start} className={className(piece.scope, piece.oddity !== null)}>
                {piece.text}
              </span>
            ))}
            {'\n'}
          </code>
        </div>
      ))}
    </div>
  );
}

function className(scope: string | null, odd: boolean): string | undefined {
  const names = [...(scope === null ? [] : [`hl-${scope.split('.')[0] ?? ''}`]), ...(odd ? ['odd'] : [])];
  return names.length === 0 ? undefined : names.join(' ');
}
