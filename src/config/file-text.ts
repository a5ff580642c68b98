import { readFileSync, statSync } from 'node:fs';

/** @throws the error of the file system */
export function readSecretFile(path: string): string {
  // Editors and `kubectl create secret` end a file with a line end that does not belong to the secret.
  return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
}

/**
 * Follows a file's text: reads it again when the file has changed. While the file is empty, invalid or missing, the
 * text stays as it was, because tools replace files in steps.
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

function stampOf(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : `${stats.ino} ${stats.mtimeMs} ${stats.size}`;
}
