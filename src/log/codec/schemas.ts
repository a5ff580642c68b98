import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type, type Schema } from 'avsc';
import { packageRoot } from '../../common';
import { boundCounts } from './bounded-counts';

/** The Avro schemas of this version of queuefold, by the names of their files under schemas/avro. */
export type SchemaName = 'conversation-event' | 'queue-conversation' | 'queue-visit' | 'fold-state' | 'name';

export interface AvroSchema {
  readonly name: SchemaName;
  /** The file's text, as it is registered. */
  readonly text: string;
}

export function loadSchema(name: SchemaName): AvroSchema {
  return { name, text: readFileSync(join(packageRoot(), 'schemas', 'avro', `${name}.avsc`), 'utf8') };
}

boundCounts();

export function typeOf(schema: Schema | string): Type {
  return Type.forSchema(typeof schema === 'string' ? (JSON.parse(schema) as Schema) : schema);
}
