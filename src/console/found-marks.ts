// Marks the words that somebody searched, wherever they stand in a list. The marks are the browser's own (CSS highlights): no element is
// put around a text that somebody else wrote, and colours, risks and boxed characters stay as they are.

import { useEffect } from 'react';
import type { RefObject } from 'react';

/** The style sheet's name for them. */
const name = 'found';
/** More than a screen shows, and looked for within a frame. */
const marksMax = 1_000;
/** Pieces of one text: the words of a statement have elements of their own. */
const pieces = '.statement-line code, .preview';

/** `words` are marked in that element for as long as they are sought there, whatever changes in it. */
export function useFoundMarks(element: RefObject<HTMLElement | null>, words: readonly string[]): void {
  const sought = words.filter((word) => word !== '').join('\n');
  useEffect(() => {
    const root = element.current;
    if (root === null || sought === '' || !('highlights' in CSS)) return undefined;
    const all = CSS.highlights.get(name) ?? new Highlight();
    CSS.highlights.set(name, all);
    let marks: Range[] = [];
    const clear = (): void => {
      for (const mark of marks) all.delete(mark);
    };
    const mark = (): void => {
      clear();
      marks = rangesIn(root, sought.split('\n'));
      for (const range of marks) all.add(range);
    };
    let frame = requestAnimationFrame(mark);
    const observer = new MutationObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(mark);
    });
    observer.observe(root, { childList: true, characterData: true, subtree: true });
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame);
      clear();
    };
  }, [element, sought]);
}

function rangesIn(root: HTMLElement, words: readonly string[]): Range[] {
  const ranges: Range[] = [];
  for (const nodes of textsIn(root)) {
    const text = nodes.map((node) => node.data).join('');
    for (const { start, end } of placesOf(text, words)) {
      if (ranges.length === marksMax) return ranges;
      const range = document.createRange();
      range.setStart(...pointAt(nodes, start));
      range.setEnd(...pointAt(nodes, end));
      ranges.push(range);
    }
  }
  return ranges;
}

/** The texts of an element, each as the nodes that it is made of. */
function textsIn(root: HTMLElement): Text[][] {
  const texts: Text[][] = [];
  let last: Element | null = null;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = node as Text;
    const whole = text.parentElement?.closest(pieces) ?? text.parentElement;
    if (whole !== null && whole === last) texts.at(-1)?.push(text);
    else texts.push([text]);
    last = whole;
  }
  return texts;
}

/** Where one of the words stands; upper and lower case are the same. */
export function placesOf(text: string, words: readonly string[]): { readonly start: number; readonly end: number }[] {
  const lower = text.toLowerCase();
  // A letter whose lower case is two (İ) would move all that follows.
  const within = lower.length === text.length ? lower : text;
  const places: { start: number; end: number }[] = [];
  for (const word of words.map((sought) => sought.toLowerCase())) {
    for (let at = within.indexOf(word); at !== -1 && places.length < marksMax; at = within.indexOf(word, at + word.length)) {
      places.push({ start: at, end: at + word.length });
    }
  }
  return places;
}

function pointAt(nodes: readonly Text[], offset: number): [Text, number] {
  let before = 0;
  for (const node of nodes) {
    if (offset <= before + node.length) return [node, offset - before];
    before += node.length;
  }
  throw new Error('the place is behind the end of its text');
}
