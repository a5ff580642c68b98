/** `tel:+1…`, `+1…`, `sip:+1…@…`: an international number, its parameters, its host. */
const NUMBER = /^(?:tel:|(sips?:))?(\+\d[\d .()-]*)((?:;[^@?]*)?)(@[^?]*)?(?:\?.*)?$/i;
const ENCODED_PLUS = /^((?:tel|sips?):)%2b/i;

/**
 * One spelling for one telephone number: an international number becomes `+` and its digits (E.164), whether it is written
 * as `tel:+1…`, `+1…` or `sip:+1…@host`. An extension (`;ext=`) stays, because it is another telephone. Everything else
 * (numbers without `+`, e-mail addresses, ids) is answered as it is.
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
