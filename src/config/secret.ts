import { inspect } from 'node:util';

declare const brand: unique symbol;

/** A value that cannot be printed by accident: text, JSON and `util.inspect` show a mask. */
export interface Secret {
  readonly [brand]: true;
  /** The value itself. Call it where the value is used, nowhere earlier. */
  reveal(): string;
  /** A mask. */
  toString(): string;
}

export const MASK = '********';

export function createSecret(value: string): Secret {
  const masked = () => MASK;
  const secret = {
    reveal: () => value,
    toString: masked,
    toJSON: masked,
    [Symbol.toPrimitive]: masked,
    [inspect.custom]: masked,
  };
  return Object.freeze(secret) as unknown as Secret;
}
