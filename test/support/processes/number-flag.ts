/** The number in a script's flag. */
export function numberOf(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new Error(`${flag} ${text}: a number of 0 or more is expected`);
  return number;
}
