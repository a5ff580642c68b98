import type { Type } from 'avsc';
import { loadSchema, typeOf, type AvroSchema, type SchemaName } from './schemas';

/** The source of schema ids: the registry, or this process alone. */
export interface SchemaSource {
  /** The id under which exactly this schema is registered for the subject. Waits while the registry is away. */
  idOf(subject: string, schema: AvroSchema): Promise<number>;
  /** The schema with which a value with this id was written; null: the registry knows no such id. Waits likewise. */
  writerOf(id: number): Promise<Type | null>;
}

const LOCAL_IDS: readonly SchemaName[] = [
  'conversation-event',
  'queue-conversation',
  'fold-state',
  'name',
  'queue-visit',
];

/** For the in-process log: this version's schemas under fixed ids. */
export function createLocalSchemas(): SchemaSource {
  return {
    idOf: (_subject, schema) => Promise.resolve(LOCAL_IDS.indexOf(schema.name) + 1),
    writerOf: (id) => {
      const name = LOCAL_IDS[id - 1];
      return Promise.resolve(name === undefined ? null : typeOf(loadSchema(name).text));
    },
  };
}
