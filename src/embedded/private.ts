/**
 * From now on everything that this process and its children create is for this user alone (0700, 0600): numbers and
 * subjects of conversations are in the files of the embedded parts. The umask of the process, because ClickHouse runs in it.
 */
export function keepPrivate(): void {
  process.umask(0o077);
}
