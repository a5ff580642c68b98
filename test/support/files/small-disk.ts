import { execFile } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../../src/common';

/** A small file system in memory. */
export interface SmallDisk {
  readonly path: string;
  /** From now on nobody can write another byte. */
  fill(): Promise<void>;
  free(): Promise<void>;
  /** A process that still uses it keeps it until then. */
  unmount(): Promise<void>;
}

/** This machine does not permit a mount. */
export class MountError extends Error {}

const MIB = 1024 * 1024;
const run = promisify(execFile);

/** @throws MountError */
export async function mountSmallDisk(path: string, megabytes: number): Promise<SmallDisk> {
  await mkdir(path, { recursive: true });
  const mount = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'queuefold', path];
  await run('mount', mount).catch((error: unknown) => {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : messageOf(error);
    throw new MountError(
      `a small disk cannot be mounted (${said.split('\n', 1).join()}): run it as root, with CAP_SYS_ADMIN`,
    );
  });
  const ballast = join(path, 'ballast');
  return {
    path,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        for (const size of [MIB, 4_096, 1]) await writeUntilFull(() => file.write(Buffer.alloc(size)));
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast),
    unmount: async () => {
      await run('umount', ['--lazy', path]);
    },
  };
}

async function writeUntilFull(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}
