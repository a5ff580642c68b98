import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type ClickHouseAnswer = string | { readonly status: number; readonly code: number; readonly text: string };

/** ClickHouse's HTTP interface with answers of the test's own: what the embedded engine cannot be made to say. */
export async function answeringClickHouse(
  answer: (sql: string) => ClickHouseAnswer,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    void text(request).then((sql) => {
      const said = answer(sql.trim());
      if (typeof said === 'string') response.end(said);
      else response.writeHead(said.status, { 'x-clickhouse-exception-code': said.code }).end(said.text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
