import { visit } from 'jsonc-parser';
import { invalid, type Invalid } from './outcome';

/**
 * Bytes that are not UTF-8 become U+FFFD. `ignoreBOM` leaves the BOM, because we drop it at the start of every line.
 */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The JSON of a line, or of a document over several lines.
 * @returns null for nothing but ASCII white space, which does not count
 */
export function parseLine(line: Uint8Array): { readonly value: unknown } | Invalid | null {
  const decoded = decoder.decode(line);
  const text = decoded.slice(decoded.startsWith('\uFEFF') ? 1 : 0, decoded.endsWith('\r') ? -1 : undefined);
  if (/^[\t\n\v\f\r ]*$/.test(text)) return null;
  try {
    return { value: JSON.parse(text) };
  } catch {
    // The engine's message quotes the input, which may be personal, so this one gives only the place.
    return invalid('not-json', `not JSON, at character ${placeOfError(text)}`);
  }
}

/** Reads no further than the error, because the input may be long. */
function placeOfError(text: string): string {
  let place = text.length;
  try {
    visit(
      text,
      {
        onError: (_, offset) => {
          place = offset;
          throw FOUND;
        },
      },
      { disallowComments: true },
    );
  } catch (error) {
    if (error !== FOUND) return 'unknown (nested too deeply)';
  }
  return String(place);
}

const FOUND = new Error('the first error of a text');
