import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

export class HttpError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, message: string, code = 0) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Both as sent and as unpacked. A batch of the sink is 8 MiB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

const DECODERS = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress };

/** The body as text, because the embedded engine takes only text formats. */
export async function readBody(request: IncomingMessage): Promise<string> {
  if (request.headers['content-type']?.startsWith('multipart/') === true) {
    throw new HttpError(
      415,
      'This endpoint does not support multipart/form-data. Send parameters as param_… in the URL.',
    );
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of decoded(request) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new HttpError(413, `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function decoded(request: IncomingMessage): AsyncIterable<unknown> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return request;
  const decoder = Object.entries(DECODERS).find(([name]) => name === encoding)?.[1];
  if (decoder === undefined) {
    throw new HttpError(415, `This endpoint does not support Content-Encoding ${encoding}. Use gzip, deflate or br.`);
  }
  return pipeline(request, decoder(), () => undefined);
}
