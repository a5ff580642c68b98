/** A line without its `\n`, or the length of a line that was too long to keep. */
export type Line = Buffer | { readonly tooLong: number };
