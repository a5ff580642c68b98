/** `tel:+1…`, `+1…`, `sip:+1…@…`: an international number, its parameters and its host. */
const NUMBER = /^(?:tel:|(sips?:))?(\+\d[\d .()-]*)((?:;[^@?]*)?)(@[^?]*)?(?:\?.*)?$/i;
const ENCODED_PLUS = /^((?:tel|sips?):)%2b/i;

/**
 * Gives one telephone number one spelling: an international number becomes `+` and its digits (E.164), from `tel:+1…`,
 * `+1…` or `sip:+1…@host`. An extension (`;ext=`) stays, because it is another telephone. Everything else (numbers
 * without `+`, e-mail addresses, ids) stays as it is.
 */
export function normaliseAddress(address: string): string {
  const [, sip, number = '', parameters = '', host] = NUMBER.exec(address.replace(ENCODED_PLUS, '$1+')) ?? [];
  if (number === '' || (host !== undefined && sip === undefined)) return address;
  const [, extension = ''] = /;ext=([\d.()-]+)(?:;|$)/i.exec(parameters) ?? [];
  const inner = digitsOf(extension);
  return `+${digitsOf(number)}${inner === '' ? '' : `;ext=${inner}`}`;
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, '');
}
