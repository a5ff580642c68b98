import { messageOf, OperatorError } from '../common';

/** Other ways out if Kafka or the registry cannot start here. */
export const ALTERNATIVES =
  'Either install Java ≥ 17 and Maven (Debian, Ubuntu: apt-get install openjdk-17-jre-headless maven), or start a container ' +
  'engine (Docker, Podman), or set KAFKA_BROKERS and SCHEMA_REGISTRY_URL to use your own, or run without Kafka: ' +
  'queuefold start --log memory';

const IMAGE =
  'In a container, use the image with the embedded parts (docker build --target queuefold-embedded), which has a volume for this folder.';

const REMEDIES: Readonly<Record<string, string>> = {
  // The answer of Node.js for a folder inside one that this user may not write to.
  ENOENT: `queuefold cannot create it. Choose another folder with DATA_DIR. ${IMAGE}`,
  ENOSPC: 'The disk is full. Free some space.',
  EDQUOT: 'The disk quota is used up. Free some space.',
  EACCES: `This user may not write there. Choose another folder with DATA_DIR or change its owner. ${IMAGE}`,
  EPERM: 'This user may not write there. Choose another folder or change its owner.',
  EROFS: `It is read-only. Choose another folder with DATA_DIR. ${IMAGE}`,
  ENOTDIR: 'A part of this path is a file. Choose another folder.',
};

/**
 * Runs file operations below `path`. An error that a person can repair (no space, no permission) becomes an
 * OperatorError.
 */
export async function namingPath<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const remedy = REMEDIES[codeOf(error)];
    if (remedy === undefined) throw error;
    throw new OperatorError(`${what} ${path}: ${messageOf(error)}. ${remedy}`);
  }
}

/** The system's code of a failed operation (ENOENT, …); empty for other errors. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
