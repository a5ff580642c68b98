import { z } from 'zod';

/** The part of an error's body that may be shown. Only text in the form of a code or a permission is quoted. */
export interface ErrorAnswer {
  /** The error code of Genesys. Null: the answer has none, so perhaps it is not from Genesys. */
  readonly code: string | null;
  /** The permissions that Genesys named when it refused. */
  readonly permissions: readonly string[];
}

const Body = z.object({
  code: z.string().max(100).nullish(),
  message: z.string().nullish(),
  messageParams: z.record(z.string(), z.unknown()).nullish(),
});
const PERMISSION = /\b[a-z][\w-]*:[a-z*][\w-]*:[a-z*][\w-]*/gi;

export function readErrorAnswer(text: string): ErrorAnswer {
  const parsed = Body.safeParse(parse(text));
  if (!parsed.success) return { code: null, permissions: [] };
  const { code, message, messageParams } = parsed.data;
  const words = `${JSON.stringify(messageParams ?? {})} ${message ?? ''}`;
  return { code: code ?? null, permissions: [...new Set(words.match(PERMISSION) ?? [])] };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
