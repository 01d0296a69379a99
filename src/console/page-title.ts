// What the browser's tab says: how much waits, and where one is. Two parts of the console know one half each.

const product = 'Sallyport';

let waiting = 0;
let place = '';

/** How many holds wait; 0 where nobody is signed in. */
export function tellWaiting(count: number): void {
  waiting = count;
  write();
}

export function tellPlace(name: string): void {
  place = name;
  write();
}

function write(): void {
  const where = place === '' ? product : `${place} · ${product}`;
  document.title = waiting === 0 ? where : `(${waiting}) ${where}`;
}
