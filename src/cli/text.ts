/** `1 line`, `2 lines` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Makes untrusted text safe for one line of a terminal: it replaces control characters, formatting characters and line
 * ends.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, '\u{FFFD}').toWellFormed();
}
