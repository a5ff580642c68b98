import { printable } from '../text';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Two cells: East Asian wide and full-width characters, and emoji. */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1F64F}\u{1F680}-\u{1F6FF}\u{1F900}-\u{1F9FF}\u{1FA70}-\u{1FAFF}\u{20000}-\u{3FFFD}\uFE0F]|\p{Emoji_Presentation}/u;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
/** A longer cluster is no writing, but an attack on the layout (a letter with a tower of accents). */
const LONGEST_GRAPHEME = 16;

/** How many cells a text takes on a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += cellsOf(segment);
  return width;
}

function cellsOf(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/**
 * Exactly `width` cells of an untrusted text: cut with an ellipsis, padded with blanks, with harmless control
 * characters.
 */
export function fit(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const cut = truncate(printable(text), width);
  const blanks = ' '.repeat(Math.max(0, width - widthOf(cut)));
  return align === 'left' ? `${cut}${blanks}` : `${blanks}${cut}`;
}

/** At most `width` cells. */
export function truncate(text: string, width: number): string {
  if (width <= 0) return '';
  let kept = '';
  let keptWidth = 0;
  /** The longest beginning that leaves a cell for the ellipsis. */
  let shorter = '';
  for (const { segment } of graphemes.segment(text)) {
    const grapheme = segment.length > LONGEST_GRAPHEME ? '\u{FFFD}' : segment;
    keptWidth += cellsOf(grapheme);
    if (keptWidth > width) return `${shorter}…`;
    kept += grapheme;
    if (keptWidth < width) shorter = kept;
  }
  return kept;
}

/** A text as lines of at most `width` cells, broken behind a blank where there is one. Nothing is left out. */
export function broken(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const { segment } of graphemes.segment(text)) {
    if (line !== '' && widthOf(line) + cellsOf(segment) > width) {
      const end = line.lastIndexOf(' ') + 1 || line.length;
      lines.push(line.slice(0, end));
      line = line.slice(end);
    }
    line += segment;
  }
  return [...lines, line];
}
