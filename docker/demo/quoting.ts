// Paths as words of other languages: a person's directory may have spaces, quotes and per cent signs in its name.

const plain = /^[\w./:=@%+,-]+$/;

/** One word of a shell, quoted where it has to be. */
export function shellWord(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** One word of OpenSSH's configuration, and of what follows -o. */
export function sshWord(word: string): string {
  return plain.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** A path where OpenSSH replaces tokens (%h, %u). */
export function sshPath(path: string): string {
  return path.replaceAll('%', '%%');
}
