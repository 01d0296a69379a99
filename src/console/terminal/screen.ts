// The screen on which recordings are drawn: xterm.js without keyboard, links and answers, its letters as large as the place allows.
// What a recording says is hostile text: nothing of it may be followed, copied or answered by itself.

import { SearchAddon } from '@xterm/addon-search';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import type { Screen } from './cast-player.ts';

const fontPxMin = 8;
const fontPxMax = 15;
/** Width of a letter of the console's monospace font, as a part of its size. */
const letterWidth = 0.602;
const scrollbackLines = 2_000;
const padPx = 24;

export class XtermScreen implements Screen {
  readonly #terminal: Terminal;
  readonly #search = new SearchAddon();
  readonly #place: HTMLElement;
  readonly #observer: ResizeObserver;

  constructor(place: HTMLElement) {
    this.#place = place;
    this.#terminal = new Terminal({
      disableStdin: true,
      cursorBlink: false,
      cursorInactiveStyle: 'block',
      scrollback: scrollbackLines,
      allowProposedApi: true,
      fontFamily: "'JetBrains Mono Variable', ui-monospace, monospace",
      fontSize: fontPxMax,
      lineHeight: 1.15,
      theme: { background: '#0f1319', foreground: '#e8ebf0', cursor: '#e8ebf0', selectionBackground: '#3b6bd6' },
      linkHandler: { activate: () => undefined, allowNonHttpProtocols: false },
      // Nothing of a recording may name or move the window.
      windowOptions: {},
    });
    this.#terminal.loadAddon(this.#search);
    this.#terminal.open(place);
    // Keys are the player's.
    this.#terminal.attachCustomKeyEventHandler(() => false);
    if (this.#terminal.textarea !== undefined) this.#terminal.textarea.tabIndex = -1;
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(place);
    this.#fit();
  }

  reset(cols: number, rows: number, alternate: boolean): void {
    this.#terminal.reset();
    this.resize(cols, rows);
    if (alternate) this.#terminal.write('\u001b[?1049h');
  }

  resize(cols: number, rows: number): void {
    this.#terminal.resize(Math.max(2, cols), Math.max(1, rows));
    this.#fit();
  }

  write(text: string): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(text, resolve));
  }

  /** Marks a text on what is shown. */
  highlight(text: string): void {
    if (text === '') this.#search.clearDecorations();
    else
      this.#search.findPrevious(text, {
        decorations: {
          matchBackground: '#5e4815',
          activeMatchBackground: '#d98e00',
          matchOverviewRuler: '#d98e00',
          activeMatchColorOverviewRuler: '#d98e00',
        },
      });
  }

  /** The lines of the screen, as text. */
  text(): string {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let row = 0; row < this.#terminal.rows; row += 1) {
      lines.push(active.getLine(active.viewportY + row)?.translateToString(true) ?? '');
    }
    return lines.join('\n');
  }

  dispose(): void {
    this.#observer.disconnect();
    this.#terminal.dispose();
  }

  #fit(): void {
    const width = this.#place.clientWidth - padPx;
    const height = document.fullscreenElement === null ? Infinity : this.#place.clientHeight - padPx;
    const byWidth = width / (this.#terminal.cols * letterWidth);
    const byHeight = height / (this.#terminal.rows * 1.36);
    const largest = document.fullscreenElement === null ? fontPxMax : fontPxMax * 3;
    const size = Math.max(fontPxMin, Math.min(largest, Math.floor(Math.min(byWidth, byHeight) * 4) / 4));
    if (this.#terminal.options.fontSize !== size) this.#terminal.options.fontSize = size;
  }
}
