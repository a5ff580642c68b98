/** A line without its `\n`, or word of one that was too long to keep. */
export type Line = Buffer | { readonly tooLong: number };
