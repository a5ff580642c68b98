/**
 * Node.js's own method behind `toString('utf8', from, to)`, without that function's checks, which take longer than the
 * text. It is not in the documentation; avsc relies on it, too, if it is there.
 */
interface Slicing {
  utf8Slice?(from: number, to: number): string;
}

const HAS_SLICE = typeof (Buffer.prototype as Slicing).utf8Slice === 'function';

/** The text of these bytes. The caller has checked the bounds. */
export const utf8Of: (bytes: Buffer, from: number, to: number) => string = HAS_SLICE
  ? (bytes, from, to) => (bytes as Buffer & Required<Slicing>).utf8Slice(from, to)
  : (bytes, from, to) => bytes.toString('utf8', from, to);
