// The bound parameters of a prepared statement: an approval names them as exactly as the text.

import { visibleText } from '../visible.ts';

type Parameters = readonly { readonly type: string | null; readonly text: string | null }[];

export function ParameterTable({ parameters }: { readonly parameters: Parameters }) {
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
          {parameters.map((parameter, index) => (
            <tr key={index}>
              <td className="mono">${index + 1}</td>
              <td className="dim">{parameter.type ?? 'not given'}</td>
              <td className="mono">{parameter.text === null ? <em className="dim">NULL</em> : visibleText(parameter.text)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
