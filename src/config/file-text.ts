import { readFileSync, statSync } from 'node:fs';

/** @throws the error of the file system */
export function readSecretFile(path: string): string {
  // Editors and `kubectl create secret` end a file with a line end that does not belong to the secret.
  return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
}

/**
 * Follows a file's text: reads it again when the file has changed. While the file is empty, invalid, missing or not to
 * be read, the text stays as it was, because tools replace files in steps. A pipe gives its text once.
 * @param first the content at the start
 */
export function followFile(path: string, first: string, isValid: (text: string) => boolean): () => string {
  let text = first;
  let seen: string | null = null;
  return () => {
    const stamp = stampOf(path);
    if (stamp === null || stamp === seen) return text;
    try {
      const read = readSecretFile(path);
      seen = stamp;
      if (read !== '' && isValid(read)) text = read;
    } catch {
      // The file disappeared between the check and the reading; the next check decides.
    }
    return text;
  };
}

/** Null: there is no file to read. */
function stampOf(path: string): string | null {
  try {
    const stats = statSync(path);
    return stats.isFile() ? `${stats.ino} ${stats.mtimeMs} ${stats.size}` : null;
  } catch {
    return null;
  }
}
