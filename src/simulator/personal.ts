import type { Random } from './random';

/** Makes the personal data that real bodies contain in large numbers and the table does not use. */
export interface PersonalData {
  person(): string;
  phone(): string;
  sentence(): string;
  url(path: string): string;
  /** A pseudonymous id of a person, as in journeys and external contacts. */
  personId(): string;
  /** Participant attributes: about half of a real body's size. */
  attributes(): Readonly<Record<string, string>>;
}

export interface PersonalDataOptions {
  /** False: empty strings, no attributes. */
  readonly personalData?: boolean | undefined;
  /** Added to every string made here, so that a test can search for it where it must not be. */
  readonly mark?: string | undefined;
}

const FIRST = ['Ada', 'Grace', 'Edsger', 'Zoë', 'Łukasz', 'Nguyễn', 'Barbara', 'Tim', '山田', 'Margaret', 'Dennis'];
const LAST = ['Lovelace', 'Hopper', "O'Neill", 'Müller', 'Kowalski', 'Văn An', 'Liskov', '太郎', 'Hamilton', 'Ritchie'];
const SENTENCES = [
  'Customer asks for a refund of order 10-2231 and wants to be called after six.',
  'Moved house last week; new address confirmed by voice, “please update the file”.',
  'Complains about the third missed appointment. Promised a callback by the team lead.',
  'Wants to cancel the contract, offered the loyalty discount, will think about it.',
];
const ATTRIBUTES = [
  'accountNumber',
  'customerName',
  'dateOfBirth',
  'crm.caseUrl',
  'emailAddress',
  'postalAddress',
  'verification.answer',
  'context.summary',
] as const;

export function createPersonalData(random: Random, { personalData = true, mark }: PersonalDataOptions): PersonalData {
  if (!personalData) return NO_PERSONAL_DATA;
  const marked = (text: string): string => (mark === undefined ? text : `${text} ${mark}`);
  const inToken = (text: string): string => (mark === undefined ? text : `${text}-${mark}`);
  const sentence = (): string => random.pick(SENTENCES);
  return {
    person: () => marked(`${random.pick(FIRST)} ${random.pick(LAST)}`),
    phone: () => inToken(`+4930${random.integer(1_000_000, 9_999_999)}`),
    sentence: () => marked(sentence()),
    url: (path) => `https://api.example.org/${path}/${inToken(random.uuid())}`,
    personId: () => inToken(random.uuid()),
    attributes: () =>
      Object.fromEntries(ATTRIBUTES.map((key) => [key, marked(sentence().slice(0, random.integer(12, 76)))])),
  };
}

const nothing = (): string => '';
const NO_PERSONAL_DATA: PersonalData = {
  person: nothing,
  phone: nothing,
  sentence: nothing,
  url: nothing,
  personId: nothing,
  attributes: () => ({}),
};
