import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { OperatorError } from '../common';

export type PartName = 'kafka' | 'registry';

/** The files of one JVM, which have to be fetched. */
export interface Part {
  readonly name: PartName;
  readonly title: string;
  /** The Maven goal, configured in embedded/pom.xml. */
  readonly goal: string;
  /** The approximate size of the download, plugins included, for progress messages. */
  readonly approximateMb: number;
  /** The files that Maven delivers, with their SHA-256. */
  readonly files: ReadonlyMap<string, string>;
  /** The hash of all files unpacked from them (inventory.ts); null: they are not unpacked. */
  readonly listing: string | null;
  /** Differs for different files. It is part of the cache folder's name, so that versions can coexist. */
  readonly fingerprint: string;
}

const DESCRIPTIONS = {
  kafka: { title: 'Apache Kafka 4.1', goal: 'dependency:copy-dependencies@kafka', approximateMb: 60 },
  registry: { title: 'Apicurio Registry 3.0', goal: 'dependency:copy@registry', approximateMb: 120 },
} as const;

/** The folder in the package; src/embedded and dist/embedded are equally deep. */
const SHIPPED = resolve(__dirname, '..', '..', 'embedded');
export const POM = join(SHIPPED, 'pom.xml');

export async function readPart(name: PartName): Promise<Part> {
  const checksums = await readFile(join(SHIPPED, 'checksums.txt'), 'utf8');
  const files = parseChecksums(checksums, name);
  const [, listing = null] = new RegExp(`^([0-9a-f]{64}) {2}unpacked/${name}$`, 'm').exec(checksums) ?? [];
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([...files, listing]))
    .digest('hex')
    .slice(0, 12);
  return { name, ...DESCRIPTIONS[name], files, listing, fingerprint };
}

/** Lines of sha256sum: `<hash>  <part>/<file>`. */
export function parseChecksums(text: string, part: PartName): Map<string, string> {
  const files = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, hash, folder, file] = /^([0-9a-f]{64}) {2}(\w+)\/(.+)$/.exec(line) ?? [];
    if (folder === part && hash !== undefined && file !== undefined) files.set(file, hash);
  }
  if (files.size === 0)
    throw new OperatorError(`embedded/checksums.txt: it names no file of ${part}. Reinstall queuefold.`);
  return files;
}

/** The folder of fetched files. Its deletion costs only a download. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['QUEUEFOLD_CACHE_DIR']) return resolve(env['QUEUEFOLD_CACHE_DIR']);
  return join(env['XDG_CACHE_HOME'] ? resolve(env['XDG_CACHE_HOME']) : join(homedir(), '.cache'), 'queuefold');
}
