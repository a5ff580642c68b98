/**
 * From now on only this user can read the files that this process and its children create (0700, 0600), because the
 * embedded parts store numbers and subjects of conversations. It sets the umask of the process, because ClickHouse runs
 * in it.
 */
export function keepPrivate(): void {
  process.umask(0o077);
}
