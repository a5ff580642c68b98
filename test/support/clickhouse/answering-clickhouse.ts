import { createServer, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from '../network/loopback-server';

export type ClickHouseAnswer =
  | string
  | { readonly status: number; readonly code: number; readonly text: string }
  /** A response that begins with 200, in these pieces. `breaks`: the connection ends before the answer does. */
  | {
      readonly headers?: Readonly<Record<string, string>>;
      readonly pieces: readonly string[];
      readonly breaks?: true;
    };

export interface ClickHouseQuestion {
  readonly parameters: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** ClickHouse's HTTP interface with the test's own answers, for answers that the embedded engine never gives. */
export async function answeringClickHouse(
  answer: (sql: string, question: ClickHouseQuestion) => ClickHouseAnswer,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const { headers, url = '/' } = request;
    void text(request).then((sql) => {
      const said = answer(sql.trim(), { headers, parameters: new URL(url, 'http://localhost').searchParams });
      if (typeof said === 'string') response.end(said);
      else if ('status' in said) {
        response.writeHead(said.status, { 'x-clickhouse-exception-code': said.code }).end(said.text);
      } else {
        response.writeHead(200, { ...said.headers });
        for (const piece of said.pieces) response.write(piece);
        // The written pieces go out before the connection ends.
        if (said.breaks === true) response.write('', () => response.socket?.destroySoon());
        else response.end();
      }
    });
  });
  const { url, stop } = await listenOnLoopback(server);
  return { url, stop };
}
