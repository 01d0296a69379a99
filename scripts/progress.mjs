// Progress for people, on stderr: a spinner with seconds on a terminal, one calm line for each finished step elsewhere.
// Plain JavaScript for any Node >= 18, because it runs before anything is installed.

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;

const onTerminal = process.stderr.isTTY === true && process.env.TERM !== 'dumb';
export const colour = process.env.NO_COLOR === undefined && onTerminal;

const paint = (code) => (text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint('1');
export const dim = paint('2');
export const red = paint('31');
export const green = paint('32');
export const yellow = paint('33');

/** Writes a line of words to stderr. */
export function say(text = '') {
  process.stderr.write(`${text}\n`);
}

/**
 * Shows a step while `work` runs and how long it took. `work` gets a function that replaces the step's words.
 * Returns what `work` returns; what it throws passes through, after the step was marked as failed.
 */
export async function step(title, work) {
  const startedMs = Date.now();
  let words = title;
  let frame = 0;
  const seconds = () => `${((Date.now() - startedMs) / 1000).toFixed(1)} s`;
  const draw = () => process.stderr.write(`\r\u001b[2K${frames[frame++ % frames.length]} ${words} ${dim(seconds())}`);
  const clear = () => onTerminal && process.stderr.write('\r\u001b[2K');
  const timer = onTerminal ? setInterval(draw, frameMs) : null;
  if (onTerminal) draw();
  else say(`  ${title} …`);
  try {
    const result = await work((newWords) => (words = newWords));
    clear();
    say(`${green('✓')} ${words} ${dim(seconds())}`);
    return result;
  } catch (error) {
    clear();
    say(`${red('✗')} ${words} ${dim(seconds())}`);
    throw error;
  } finally {
    if (timer !== null) clearInterval(timer);
  }
}
