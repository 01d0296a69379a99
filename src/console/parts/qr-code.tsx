// A text as a QR code, for the camera of a phone.

import { encode } from 'uqr';
import { darkCells } from '../dark-cells.ts';

/** Light cells around the code, without which cameras don't find it (ISO/IEC 18004, 6.3.8). */
const quietZone = 4;

/** Dark on light in dark colours of the page, too: many cameras read no other. */
export function QrCode({ text, label }: { readonly text: string; readonly label: string }) {
  const { size, data } = encode(text, { ecc: 'M', border: quietZone });
  return (
    <svg className="qr-code" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shapeRendering="crispEdges">
      <path d={darkCells(data)} />
    </svg>
  );
}
