import { readFileSync, statSync } from 'node:fs';

/** @throws what the file system says */
export function readSecretFile(path: string): string {
  // Editors and `kubectl create secret` end a file with a line end that is no part of the secret.
  return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
}

/**
 * A file's text as it is now: read again when the file has changed. What is empty, invalid or gone in the meantime leaves
 * the text as it was: files are replaced in steps.
 * @param first what it held at the start
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
      // It went between the look and the reading: the next look tells.
    }
    return text;
  };
}

function stampOf(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : `${stats.ino} ${stats.mtimeMs} ${stats.size}`;
}
