import { OperatorError } from '../../common';
import type { Headers } from '../port';
import type { SchemaSource } from './schema-source';
import type { ValueCodec } from './value-codec';

/** A header of checkpoints: it can be read before any schema is known. `<id>=<fingerprint>`, separated by commas. */
const HEADER = 'queuefold-schemas';

/** By which schemas the values of these codecs are written, to tell later whether the registry still means the same. */
export function schemaMarks(codecs: readonly Pick<ValueCodec<never>, 'writer'>[]): Headers {
  return { [HEADER]: codecs.map(({ writer: { id, fingerprint } }) => `${id}=${fingerprint}`).join(',') };
}

/**
 * @param origin what carries the marks, for a person
 * @throws OperatorError when the registry has another schema, or none, under an id that was written
 */
export async function checkSchemaMarks(headers: Headers, schemas: SchemaSource, origin: string): Promise<void> {
  for (const [, id, fingerprint] of headers[HEADER]?.matchAll(/(\d+)=([0-9a-f]+)/g) ?? []) {
    const writer = await schemas.writerOf(Number(id));
    if (writer !== null && writer.fingerprint().toString('hex') === fingerprint) continue;
    const has = writer === null ? 'no schema' : `another schema (${writer.branchName ?? 'without a name'})`;
    throw new OperatorError(
      `SCHEMA_REGISTRY_URL: the registry has ${has} under id ${id}, which the records of ${origin} carry. The registry was replaced ` +
        'or lost schemas, so queuefold would read records wrongly. Restore its topic _schemas, or use a new TOPIC_PREFIX and ' +
        'run `queuefold setup`.',
    );
  }
}
