// A policy file as text, coloured, with line numbers; odd characters are shown as what they are.

import { useMemo } from 'react';
import { highlight } from '../highlight.ts';
import { statementLines } from '../statement-lines.ts';
import { plural } from '../words.ts';

export function PolicyFile({ path, text }: { readonly path: string; readonly text: string }) {
  return (
    <section className="panel" aria-label={path}>
      <header>
        <h2 className="mono break">{path}</h2>
        <span className="dim end">{plural(text.trimEnd().split('\n').length, 'line')}</span>
      </header>
      <Yaml text={text.trimEnd()} />
    </section>
  );
}

function Yaml({ text }: { readonly text: string }) {
  const { lines } = useMemo(() => statementLines(text, highlight(text, 'yaml'), []), [text]);
  return (
    <div className="statement" tabIndex={0} role="region" aria-label="Policy file" style={{ maxHeight: 'none', fontSize: '0.8125rem' }}>
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
