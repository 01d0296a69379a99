// The dark cells of a QR code as the path of an SVG, a cell one unit wide and high.

/** `rows`: true is dark. A run of dark cells in a row is one rectangle. */
export function darkCells(rows: readonly (readonly boolean[])[]): string {
  let path = '';
  for (const [y, cells] of rows.entries()) {
    for (let x = cells.indexOf(true); x >= 0;) {
      const light = cells.indexOf(false, x);
      const end = light < 0 ? cells.length : light;
      path += `M${x} ${y}h${end - x}v1h${x - end}z`;
      x = cells.indexOf(true, end);
    }
  }
  return path;
}
