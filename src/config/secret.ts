import { inspect } from 'node:util';

declare const brand: unique symbol;

/** A value that cannot be printed by accident: text, JSON and `util.inspect` show a mask. */
export interface Secret {
  readonly [brand]: true;
  /** The value itself, as its file has it now. Call it where the value is used, nowhere earlier. */
  reveal(): string;
  /** Every value that it has had so far, for those who look for them in what is about to be printed. */
  known(): readonly string[];
  /** A mask. */
  toString(): string;
}

/** A text that may change while the process runs, as certificates do. */
export interface LiveText {
  current(): string;
}

export const MASK = '********';

/** @param value a function: as it is at the moment */
export function createSecret(value: string | (() => string)): Secret {
  const masked = () => MASK;
  const read = typeof value === 'string' ? () => value : value;
  const seen = new Set([read()]);
  const secret = {
    reveal: () => {
      const now = read();
      seen.add(now);
      return now;
    },
    known: () => [...seen],
    toString: masked,
    toJSON: masked,
    [Symbol.toPrimitive]: masked,
    [inspect.custom]: masked,
  };
  return Object.freeze(secret) as unknown as Secret;
}
