import { SqlError } from './sql';

const MARKER = '__exception__\r\n';
/** The longest message of a failure, by the server's documentation. No more is held back. */
const MOST_BYTES = 16 * 1024;

/**
 * The body of an answer that began with 200. A server may send that status before the query fails. The message is then
 * at the end of the body (https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats):
 * - since 25.11 `␍␊__exception__␍␊TAG␍␊message␊length TAG␍␊__exception__␍␊`, with the TAG of the header
 *   `X-ClickHouse-Exception-Tag`;
 * - before, `__exception__␍␊message␊`, after which the connection breaks.
 * Yields the data without the message, then throws the message as a SqlError.
 * @param tag null: the answer has none
 * @param onBreak makes the error to throw if the connection breaks without a message
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
  // Without a tag, data could look like the marker. So it counts only if the connection broke as well.
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
