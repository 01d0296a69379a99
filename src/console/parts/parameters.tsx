// The bound parameters of a prepared statement: an approval names them as exactly as the text.

import { useState } from 'react';
import { visibleLine, visibleText } from '../visible.ts';
import { plural } from '../words.ts';
import { InOrder } from './in-order.tsx';
import { ShownInPart } from './shown-in-part.tsx';

/** Drawn at once; a statement may have tens of thousands, and a phone would stand still. */
const shownMax = 500;

type Parameters = readonly { readonly type: string | null; readonly text: string | null }[];

export function ParameterTable({ parameters }: { readonly parameters: Parameters }) {
  const [all, setAll] = useState(false);
  const shown = all ? parameters : parameters.slice(0, shownMax);
  return (
    <div className="scroll-x parameters">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Parameter</th>
            <th scope="col">Type</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((parameter, index) => (
            <tr key={index}>
              <td className="mono">${index + 1}</td>
              <td className="dim">{visibleLine(parameter.type ?? 'not given')}</td>
              <td className="mono">
                <Value text={parameter.text} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < parameters.length ? (
        <ShownInPart
          words={`The first ${shown.length} of ${plural(parameters.length, 'parameter')} are shown.`}
          onAll={() => setAll(true)}
        />
      ) : null}
    </div>
  );
}

function Value({ text }: { readonly text: string | null }) {
  if (text === null) return <em className="dim">NULL</em>;
  return text === '' ? <em className="dim">empty</em> : <InOrder text={visibleText(text)} />;
}
