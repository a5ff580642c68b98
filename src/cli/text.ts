/** A text of others for one line of a terminal: control and formatting characters cannot act, line ends cannot break. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, '\u{FFFD}').toWellFormed();
}
