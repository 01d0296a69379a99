// A guess at the commands of a raw terminal, for the index of its replay: what stood behind the prompt when Enter was pressed. It reads
// what the terminal showed and never what was typed, so that a password is not in it. An aid for reading, with which nothing is decided:
// completion menus, editors, bound keys and several lines at once get around it.

/** What is kept of the line that is being shown. */
const lineBytesMax = 8 * 1024;
/** Lines pressed ahead of their prompts. */
const aheadMax = 100;
const newline = 0x0a;
const enter = 0x0d;

export interface TerminalWidth {
  readonly cols: number;
}

export class TypedCommands {
  readonly #terminal: TerminalWidth;
  readonly #found: (command: string) => void;
  /** What came since the last line feed. */
  #line: Buffer = Buffer.alloc(0);
  /** What stood on the line when its first key was pressed; null: none was. */
  #prompt: string | null = null;
  /** Enter was pressed so often without a line feed yet. */
  #entered = 0;
  #fullScreen = false;

  constructor(terminal: TerminalWidth, found: (command: string) => void) {
    this.#terminal = terminal;
    this.#found = found;
  }

  /** Keys, before they go to the target: only when they were pressed counts, and whether Enter was among them. */
  typed(chunk: Buffer): void {
    if (this.#fullScreen) return;
    if (this.#entered === 0) this.#prompt ??= shown(this.#line, this.#terminal.cols);
    for (const byte of chunk) if (byte === enter || byte === newline) this.#entered = Math.min(this.#entered + 1, aheadMax);
  }

  output(chunk: Buffer): void {
    let rest = chunk;
    while (this.#entered > 0) {
      const end = rest.indexOf(newline);
      if (end === -1) break;
      this.#keep(rest.subarray(0, end));
      this.#lineEnds();
      rest = rest.subarray(end + 1);
    }
    const last = rest.lastIndexOf(newline);
    if (last !== -1) this.#line = Buffer.alloc(0);
    this.#keep(last === -1 ? rest : rest.subarray(last + 1));
    this.#followScreen(chunk);
  }

  #keep(bytes: Buffer): void {
    if (this.#line.length < lineBytesMax) this.#line = Buffer.concat([this.#line, bytes.subarray(0, lineBytesMax - this.#line.length)]);
  }

  /** The echo of an Enter, where the line begins with the prompt; else it is a line of something that runs. */
  #lineEnds(): void {
    const line = shown(this.#line, this.#terminal.cols);
    this.#line = Buffer.alloc(0);
    const prompt = this.#prompt ?? '';
    if (prompt.trim() === '' || !line.startsWith(prompt)) {
      if (prompt.trim() === '') this.#forget();
      return;
    }
    const command = line.slice(prompt.length).trim();
    if (command !== '') this.#found(command);
    this.#entered -= 1;
    if (this.#entered === 0) this.#prompt = null;
  }

  #forget(): void {
    this.#entered = 0;
    this.#prompt = null;
  }

  /** Editors and pagers draw on the other screen: nothing there is a command line. */
  #followScreen(chunk: Buffer): void {
    if (!chunk.includes('\u001b[?')) return;
    for (const [, mode] of chunk.toString('latin1').matchAll(/\u001b\[\?(?:1049|1047|47)([hl])/g)) {
      this.#fullScreen = mode === 'h';
      this.#forget();
    }
  }
}

const sequence =
  /\u001b\[([0-9;?]*)([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[()][0-9A-Za-z]|\u001b.|([\u0000-\u001f\u007f])|([^\u0000-\u001f\u007f])/gu;

/** The text of one line as a terminal of that width would show it: carriage returns, backspaces, and what line editors send. */
function shown(bytes: Buffer, cols: number): string {
  const cells: string[] = [];
  let at = 0;
  for (const [, parameters, final, control, character] of bytes.toString('utf8').matchAll(sequence)) {
    if (character !== undefined) {
      while (cells.length < at) cells.push(' ');
      cells[at] = character;
      at += 1;
    } else if (control === '\r') at = cols > 0 ? Math.floor(at / cols) * cols : 0;
    else if (control === '\b') at = Math.max(0, at - 1);
    else if (final !== undefined) at = moved(cells, at, cols, final, parameters ?? '');
  }
  return cells.join('');
}

function moved(cells: string[], at: number, cols: number, final: string, parameters: string): number {
  const count = Math.min(Math.max(1, Number(parameters) || 1), lineBytesMax);
  switch (final) {
    case 'C':
      return at + count;
    case 'D':
      return Math.max(0, at - count);
    case 'A':
      return Math.max(0, at - count * cols);
    case 'K':
    case 'J':
      if (parameters === '' || parameters === '0') cells.length = Math.min(cells.length, at);
      return at;
    case 'H':
      cells.length = 0;
      return 0;
    case 'P':
      cells.splice(at, count);
      return at;
    case '@':
      cells.splice(at, 0, ...Array<string>(count).fill(' '));
      return at;
    default:
      return at;
  }
}
