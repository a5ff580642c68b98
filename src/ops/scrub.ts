/** Removes secrets from log lines. Lines are JSON, so it searches only inside of texts. */
export interface Scrub {
  /** A text for people, by itself: it masks secrets and replaces control characters. */
  text(text: string): string;
  /** The line without secrets. */
  line(line: string): string;
  /** The line as an object, without secrets and with control characters in its texts replaced. */
  object(line: string): unknown;
}

/** Shorter secrets occur by chance, and masking them would make logs unreadable. */
const SHORTEST_SECRET = 4;
const MASK = '********';

/** @param secrets a function gives those of the moment, because files of secrets may change */
export function createScrubber(secrets: readonly string[] | (() => readonly string[])): Scrub {
  const current = typeof secrets === 'function' ? secrets : () => secrets;
  let known: readonly string[] = [];
  let wanted: readonly string[] = [];
  let escaped: readonly string[] = [];
  const refresh = (): void => {
    const now = current();
    // Secrets are added and never removed.
    if (now === known || (now.length > 0 && now.length === known.length)) return;
    known = now;
    wanted = now.filter((secret) => secret.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
    escaped = wanted.map((secret) => JSON.stringify(secret).slice(1, -1));
  };
  const mask = (text: string) => {
    refresh();
    return wanted.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
  };
  const parse = (line: string, change: (text: string) => string): unknown =>
    mapTexts(JSON.parse(line) as unknown, change);
  const clean = (text: string) => withoutControls(mask(text));
  return {
    text: clean,
    line: (line) => {
      refresh();
      return escaped.some((secret) => line.includes(secret)) ? `${JSON.stringify(parse(line, mask))}\n` : line;
    },
    object: (line) => parse(line, clean),
  };
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [change(key), mapTexts(item, change)]));
}

/** Line ends and tabs stay, for stacks. */
function withoutControls(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, '\u{FFFD}');
}
