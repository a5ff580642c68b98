import { OperatorError } from '../../common';
import type { Headers } from '../port';
import type { SchemaSource } from './schema-source';
import type { ValueCodec } from './value-codec';

/** A header of checkpoints, readable before any schema is known. `<id>=<fingerprint>`, separated by commas. */
const HEADER = 'queuefold-schemas';

/**
 * The schemas with which these codecs write, so that a later start can check whether the registry still has the same
 * ones.
 */
export function schemaMarks(codecs: readonly Pick<ValueCodec<never>, 'writer'>[]): Headers {
  return { [HEADER]: codecs.map(({ writer: { id, fingerprint } }) => `${id}=${fingerprint}`).join(',') };
}

/**
 * @param origin the carrier of the marks, for a person
 * @throws OperatorError if the registry has another schema, or none, under a written id
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
