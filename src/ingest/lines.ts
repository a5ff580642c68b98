/** A line without its `\n`, or word of one that was too long to keep. */
export type Line = Buffer | { readonly tooLong: number };

const NEWLINE = 0x0a;

/**
 * The lines of a stream of bytes, one at a time: they end at `\n` only, the last may lack it.
 * @param longest bytes; a longer line is skipped to its end, and only its length is told
 */
export async function* linesOf(stream: AsyncIterable<Buffer>, longest: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer): void => {
    length += part.length;
    if (length <= longest) parts.push(part);
    else parts = [];
  };
  const take = (): Line => {
    const line: Line =
      length > longest ? { tooLong: length } : parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    parts = [];
    length = 0;
    return line;
  };

  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}
