import { type Type, types } from 'avsc';
import { AvroInput } from './input';
import type { AvroOutput } from './output';

/**
 * Readers and writers of Avro, compiled for one schema each. avsc walks a tree of types for every value; here a schema
 * becomes straight code, as a person would write it for these fields. They read and write what avsc does, except that
 * they refuse ints of more than 32 bits. Only for our own schemas: records, arrays, unions with null, and the primitive
 * types.
 */

/** @throws Error if the bytes from `at` on are not exactly one value */
export type ReadAvro = (bytes: Buffer, at: number) => object;
/** @throws TypeError if the value does not fit the schema; then the output is of no use */
export type WriteAvro = (output: AvroOutput, value: object) => void;

export interface ReaderChoices {
  /** The names of fields, in any record, whose texts recur: see words.ts. */
  readonly recurring: ReadonlySet<string>;
  /**
   * How to skip an array: `item by item`, as avsc does; or `by size`, where a block has a size in front. Of bytes that
   * are damaged there, the two may read different values, if they refuse none.
   */
  readonly skip: 'item by item' | 'by size';
}

const input = new AvroInput();

/**
 * @param written the schema of the bytes
 * @param wanted the same schema, or one that lacks some of its fields: they are skipped
 */
export function compileReader(written: Type, wanted: Type, choices: ReaderChoices): ReadAvro {
  const code = new ReaderCode(choices);
  const value = code.read(written, wanted, 'text');
  const read = code.compile('i', value) as (from: AvroInput) => object;
  return (bytes, at) => {
    input.begin(bytes, at);
    let isAll = false;
    let result;
    try {
      result = read(input);
    } finally {
      isAll = input.end();
    }
    if (!isAll) throw new Error('there are more bytes than the value has');
    return result;
  };
}

/** @param sized the names of fields, in any record, whose arrays get a size in front, so that readers can skip them */
export function compileWriter(type: Type, sized: ReadonlySet<string>): WriteAvro {
  const code = new WriterCode(sized);
  const statement = code.write(type, 'v');
  return code.compile('o, v', `{ ${statement} }`) as WriteAvro;
}

/** Functions of one schema, each for one record or array. */
class Code {
  readonly #functions: string[] = [];
  readonly #constants: unknown[] = [];

  /** Returns the function's name. */
  protected define(parameters: string, body: string): string {
    const name = `f${this.#functions.length}`;
    this.#functions.push(`function ${name}(${parameters}) {\n${body}\n}`);
    return name;
  }

  /** Returns the constant's name. */
  protected constant(value: unknown): string {
    return `c${this.#constants.push(value) - 1}`;
  }

  /** Returns a function of these parameters. */
  compile(parameters: string, body: string): unknown {
    const text = `'use strict';\n${this.#functions.join('\n')}\nreturn (${parameters}) => ${body};`;
    const names = this.#constants.map((_, index) => `c${index}`);
    // The text comes from our own schemas alone. avsc does the same.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const made = new Function(...names, text) as (...constants: readonly unknown[]) => unknown;
    return made(...this.#constants);
  }
}

class ReaderCode extends Code {
  readonly #choices: ReaderChoices;

  constructor(choices: ReaderChoices) {
    super();
    this.#choices = choices;
  }

  /** An expression that reads a value from the input `i`. */
  read(written: Type, wanted: Type, texts: 'text' | 'word'): string {
    if (written instanceof types.RecordType && wanted instanceof types.RecordType)
      return `${this.define('i', this.#record(written, wanted))}(i)`;
    if (written instanceof types.ArrayType && wanted instanceof types.ArrayType) {
      const item = this.read(written.itemsType, wanted.itemsType, texts);
      return `${this.define('i', `const a = [];\n${forEachItem(`a.push(${item});`)}\nreturn a;`)}(i)`;
    }
    const [branch, wantedBranch] = [branchOf(written), branchOf(wanted)];
    if (branch !== null && wantedBranch !== null)
      return `(i.isPresent() ? ${this.read(branch, wantedBranch, texts)} : null)`;
    if (written.typeName !== wanted.typeName) throw unknownType(wanted);
    if (written instanceof types.FixedType) return `i.fixed(${written.size})`;
    if (written.typeName === 'string') return `i.${texts}()`;
    return `i.${primitive(written)}()`;
  }

  #record(written: types.RecordType, wanted: types.RecordType): string {
    const steps = written.fields.map((field) => {
      const own = wanted.fields.find(({ name }) => name === field.name);
      if (own === undefined) return this.#skip(field.type);
      return `const _${field.name} = ${this.read(field.type, own.type, this.#choices.recurring.has(field.name) ? 'word' : 'text')};`;
    });
    for (const { name } of wanted.fields)
      if (!written.fields.some((field) => field.name === name)) throw new Error(`${name} was never written`);
    return `${steps.join('\n')}\nreturn { ${wanted.fields.map(({ name }) => `${name}: _${name}`).join(', ')} };`;
  }

  /** A statement that skips a value. */
  #skip(type: Type): string {
    if (type instanceof types.RecordType)
      return `${this.define('i', type.fields.map((field) => this.#skip(field.type)).join('\n'))}(i);`;
    if (type instanceof types.ArrayType) {
      const count = this.#choices.skip === 'by size' ? 'countUnskipped' : 'count';
      return `${this.define('i', forEachItem(this.#skip(type.itemsType), count))}(i);`;
    }
    const branch = branchOf(type);
    if (branch !== null) return `if (i.isPresent()) { ${this.#skip(branch)} }`;
    if (type instanceof types.FixedType) return `i.skipFixed(${type.size});`;
    switch (primitive(type)) {
      case 'boolean':
        return 'i.skipBoolean();';
      case 'int':
      case 'long':
        return 'i.skipInt();';
      case 'bytes':
      case 'text':
        return 'i.skipSized();';
    }
  }
}

function forEachItem(statement: string, count = 'count'): string {
  return `for (let n = i.${count}(); n > 0; n = i.${count}()) for (; n > 0; n--) { ${statement} }`;
}

class WriterCode extends Code {
  readonly #sized: ReadonlySet<string>;

  constructor(sized: ReadonlySet<string>) {
    super();
    this.#sized = sized;
  }

  /** A statement that writes the value of this expression to the output `o`. */
  write(type: Type, value: string, arrays: 'plain' | 'sized' = 'plain'): string {
    if (type instanceof types.RecordType) return `${this.define('o, v', this.#record(type))}(o, ${value});`;
    if (type instanceof types.ArrayType) {
      const items = `for (let k = 0; k < n; k++) { ${this.write(type.itemsType, 'v[k]')} }`;
      const body =
        arrays === 'sized'
          ? `const n = o.openBlock(v);\nconst from = o.size;\n${items}\nif (n > 0) o.closeBlock(from);\no.absent();`
          : `const n = o.items(v);\n${items}\no.absent();`;
      return `${this.define('o, v', body)}(o, ${value});`;
    }
    const branch = branchOf(type);
    if (branch !== null) {
      const body = `if (v === null) o.absent(); else { o.present(); ${this.write(branch, 'v')} }`;
      return `${this.define('o, v', body)}(o, ${value});`;
    }
    if (type instanceof types.FixedType) return `o.fixed(${value}, ${type.size});`;
    return `o.${primitive(type)}(${value});`;
  }

  #record({ fields }: types.RecordType): string {
    return fields
      .map(({ name, type, defaultValue }) => {
        const arrays = this.#sized.has(name) ? 'sized' : 'plain';
        const standard: unknown = defaultValue();
        if (standard === undefined) return this.write(type, `v.${name}`, arrays);
        const constant = this.constant(standard);
        return `{ const x = v.${name}; ${this.write(type, `x === undefined ? ${constant} : x`, arrays)} }`;
      })
      .join('\n');
  }
}

/** The other branch of a union of null and something else; null: the type is no union. */
function branchOf(type: Type): Type | null {
  if (!(type instanceof types.UnwrappedUnionType)) return null;
  const [first, branch] = type.types;
  if (first?.typeName !== 'null' || branch === undefined || type.types.length > 2) throw unknownType(type);
  return branch;
}

/** The name of the methods of `AvroInput` and `AvroOutput`. */
function primitive(type: Type): 'boolean' | 'int' | 'long' | 'bytes' | 'text' {
  switch (type.typeName) {
    case 'string':
      return 'text';
    case 'boolean':
    case 'int':
    case 'long':
    case 'bytes':
      return type.typeName;
    default:
      throw unknownType(type);
  }
}

function unknownType(type: Type): Error {
  return new Error(`no code for the Avro type ${type.toString()}`);
}
