import { SqlError } from './sql';

const MARKER = '__exception__\r\n';
/** The whole of what a server says of a failure, by its documentation; no more than that is held back. */
const MOST_BYTES = 16 * 1024;

/**
 * The body of an answer that began with 200, which a server may have said before the query failed. What failed is then
 * at its end (https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats):
 * - since 25.11 `␍␊__exception__␍␊TAG␍␊message␊length TAG␍␊__exception__␍␊`, the tag being that of the header
 *   `X-ClickHouse-Exception-Tag`;
 * - before, `__exception__␍␊message␊`, after which the connection breaks.
 *
 * Yields the data without it, then throws the message as a SqlError.
 * @param tag null: the answer has none
 * @param onBreak what to throw when the connection breaks without a word
 */
export async function* failing(
  body: AsyncIterable<Uint8Array>,
  tag: string | null,
  onBreak: (error: unknown) => unknown,
): AsyncIterable<Uint8Array> {
  let tail = Buffer.alloc(0);
  let broken: unknown = null;
  try {
    for await (const chunk of body) {
      tail = Buffer.concat([tail, chunk]);
      const known = tail.length - MOST_BYTES;
      if (known <= 0) continue;
      yield tail.subarray(0, known);
      tail = tail.subarray(known);
    }
  } catch (error) {
    broken = error;
  }
  // Without a tag data could look like it, so only where the connection broke as well.
  const marker = tag === null ? MARKER : `${MARKER}${tag}\r\n`;
  const at = tag !== null || broken !== null ? tail.indexOf(marker) : -1;
  if (at < 0) {
    if (tail.length > 0) yield tail;
    if (broken !== null) throw onBreak(broken);
    return;
  }
  const data = withoutBreak(tail.subarray(0, at));
  if (data.length > 0) yield data;
  throw new SqlError(messageIn(tail.subarray(at + marker.length).toString('utf8'), tag));
}

/** A marker with a tag begins on a line of its own. */
function withoutBreak(data: Buffer): Buffer {
  return data.subarray(-2).equals(Buffer.from('\r\n')) ? data.subarray(0, -2) : data;
}

function messageIn(said: string, tag: string | null): string {
  const end = tag === null ? -1 : said.lastIndexOf(` ${tag}`);
  return (end < 0 ? said : said.slice(0, end).replace(/\n\d+$/, '')).trimEnd();
}
