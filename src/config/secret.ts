import { inspect } from 'node:util';

declare const brand: unique symbol;

/** A value that nobody prints by accident: text, JSON and `util.inspect` show a mask. */
export interface Secret {
  readonly [brand]: true;
  /** The value itself, as its file has it now. Call it only where the value is used. */
  reveal(): string;
  /** All values that it has had so far, for code that searches output for secrets. */
  known(): readonly string[];
  /** A mask. */
  toString(): string;
}

/** A text that may change while the process runs, e.g. a certificate. */
export interface LiveText {
  current(): string;
}

export const MASK = '********';

/** @param value a function answers the value of the moment */
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
