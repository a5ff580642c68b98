import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A field's type: the name of a model or of a kind of value, with `[]` after it for a list. A list of words is an enum.
 */
type FieldType = string | readonly string[];

/** Fields by model. */
export type WireModels = Readonly<Record<string, Readonly<Record<string, FieldType>>>>;

/** The event body's models, from the project's own list. */
export function eventModels(): WireModels {
  const file = join(__dirname, '..', '..', 'fixtures', 'genesys', 'event-fields.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { models: WireModels }).models;
}

/** The models of Genesys's SDK, and the model of each call's answer, read from the SDK's typings. */
export function sdkModels(): { readonly models: WireModels; readonly answerOf: ReadonlyMap<string, string> } {
  const text = readFileSync(require.resolve('purecloud-platform-client-v2/index.d.ts'), 'utf8');
  const models: Record<string, Record<string, string>> = {};
  for (const [, name = '', fields = ''] of text.matchAll(
    /export interface (\w+) \{([^}]*(?:\{[^}]*\};[^}]*)*)\n\t\}/g,
  )) {
    models[name] = Object.fromEntries(
      [...fields.matchAll(/"(\w+)"\??: (.+);/g)].map(([, field = '', type = '']) => [field, fieldType(type)]),
    );
  }
  const calls = text.matchAll(/^\s+(\w+)\(.*\): Promise<Models\.(\w+)>;/gm);
  return { models, answerOf: new Map([...calls].map(([, call = '', model = '']) => [call, model])) };
}

function fieldType(type: string): string {
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) return `${fieldType(list)}[]`;
  return type.startsWith('{') ? 'map' : type.replace('Models.', '');
}

/**
 * Every place where a value does not fit its model: an unknown field, a value of another kind, a word that its enum
 * lacks. Genesys's noise, an empty object as `additionalProperties`, is no field.
 */
export function deviations(models: WireModels, model: string, value: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  check(models, model, value, model, found);
  return found;
}

function check(models: WireModels, type: FieldType, value: unknown, path: string, found: Set<string>): void {
  if (typeof type !== 'string') {
    if (typeof value !== 'string' || !type.includes(value))
      found.add(`${path}: ${JSON.stringify(value)} is no word of its`);
    return;
  }
  if (type.endsWith('[]')) {
    if (!Array.isArray(value)) found.add(`${path}: no list`);
    else for (const item of value) check(models, type.slice(0, -2), item, path, found);
    return;
  }
  const fields = models[type];
  if (!fields) {
    const isKind = KINDS[type];
    if (!isKind) throw new Error(`${path}: no model is called ${type}`);
    if (!isKind(value)) found.add(`${path}: ${JSON.stringify(value)} is no ${type}`);
    return;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    found.add(`${path}: no object`);
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (known !== undefined) check(models, known, inner, `${path}.${name}`, found);
    else if (!isNoise(name, inner)) found.add(`${path}.${name}: no such field`);
  }
}

const isNoise = (name: string, value: unknown): boolean =>
  name === 'additionalProperties' && JSON.stringify(value) === '{}';

const isMap = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  'date-time': (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value),
  'map<string,string>': (value) =>
    isMap(value) && Object.values(value as object).every((one) => typeof one === 'string'),
  map: isMap,
  object: isMap,
};
