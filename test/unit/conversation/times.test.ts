import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { time } from '../../../src/conversation/values';
import { naiveTime } from '../../support/naive/naive-wire';

const iso = (value: unknown): string | null => {
  const read = time(value);
  return read === null ? null : new Date(read).toISOString();
};

describe('section 2, times', () => {
  test.each([
    ['2026-03-02T09:00:01.234Z', '2026-03-02T09:00:01.234Z'],
    ['2026-03-02T09:00:01Z', '2026-03-02T09:00:01.000Z'],
    ['2026-03-02T09:00Z', '2026-03-02T09:00:00.000Z'],
    ['2026-03-02T09:00:01.2Z', '2026-03-02T09:00:01.200Z'],
    ['2026-03-02T09:00:01.23Z', '2026-03-02T09:00:01.230Z'],
    ['2026-03-02T00:00:00Z', '2026-03-02T00:00:00.000Z'],
    ['2026-03-02T23:59:59.999Z', '2026-03-02T23:59:59.999Z'],
  ])('%s is read', (wire, expected) => expect(iso(wire)).toBe(expected));

  test.each([
    ['2026-03-02T09:00:01.2349999Z', '2026-03-02T09:00:01.234Z'],
    ['2026-03-02T23:59:59.9999999999Z', '2026-03-02T23:59:59.999Z'],
    ['1969-12-31T23:59:59.9999Z', '1969-12-31T23:59:59.999Z'],
  ])('a fraction is cut, not rounded: %s', (wire, expected) => expect(iso(wire)).toBe(expected));

  test.each([
    ['2026-03-02T09:00:00+01:00', '2026-03-02T08:00:00.000Z'],
    ['2026-03-02T09:00:00-01:30', '2026-03-02T10:30:00.000Z'],
    ['2026-03-02T09:00:00+05', '2026-03-02T04:00:00.000Z'],
    ['2026-03-02T09:00+05:45', '2026-03-02T03:15:00.000Z'],
    ['2026-03-02T09:00:00.5-00:00', '2026-03-02T09:00:00.500Z'],
    ['2026-03-02T09:00:00+23:59', '2026-03-01T09:01:00.000Z'],
    ['2026-03-02T09:00:00-23:59', '2026-03-03T08:59:00.000Z'],
    ['2024-02-29T23:30:00-01:00', '2024-03-01T00:30:00.000Z'],
  ])('an offset is taken off: %s', (wire, expected) => expect(iso(wire)).toBe(expected));

  test.each(['2026-03-02T09:00:00+24:00', '2026-03-02T09:00:00+23:60', '2026-03-02T09:00:00-24'])(
    'an offset over 23:59 makes no time: %s',
    (wire) => expect(time(wire)).toBeNull(),
  );

  test.each([
    ['1900-01-01T00:00:00.000Z', '1900-01-01T00:00:00.000Z'],
    ['2299-12-31T23:59:59.999Z', '2299-12-31T23:59:59.999Z'],
    ['1899-12-31T23:00:00-01:00', '1900-01-01T00:00:00.000Z'],
    ['2300-01-01T00:59:59.999+01:00', '2299-12-31T23:59:59.999Z'],
  ])('from 1900 to 2299 in UTC: %s is', (wire, expected) => expect(iso(wire)).toBe(expected));

  test.each([
    '1899-12-31T23:59:59.999Z',
    '1900-01-01T00:59:59+01:00',
    '2300-01-01T00:00:00Z',
    '2299-12-31T23:00:00-01:00',
    '0000-01-01T00:00:00Z',
    '0099-06-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
  ])('and %s is not', (wire) => expect(time(wire)).toBeNull());

  test.each(['2024-02-29', '2000-02-29', '2026-01-31', '2026-04-30'])('%s is a real date', (date) =>
    expect(iso(`${date}T12:00:00Z`)).toBe(`${date}T12:00:00.000Z`),
  );

  test.each([
    '2026-02-29',
    '2026-02-30',
    '1900-02-29',
    '2100-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-01-32',
  ])('%s is no date', (date) => expect(time(`${date}T12:00:00Z`)).toBeNull());

  test.each(['24:00:00', '24:00', '23:60', '23:59:60', '12:00:61', '99:00:00'])('%s is no time of day', (clock) =>
    expect(time(`2026-03-02T${clock}Z`)).toBeNull(),
  );

  test.each([
    '2026-03-02',
    '2026-03-02T09Z',
    '2026-03-02T09:00:00',
    '2026-03-02 09:00:00Z',
    '2026-03-02t09:00:00Z',
    '2026-03-02T09:00:00z',
    '2026-3-2T09:00:00Z',
    '2026-03-02T9:00:00Z',
    '2026-03-02T09:00:00.Z',
    '2026-03-02T09:00:00,5Z',
    '2026-03-02T09:00.5Z',
    '2026-03-02T09:00:00+1',
    '2026-03-02T09:00:00+0100',
    '2026-03-02T09:00:00+01:',
    '2026-03-02T09:00:00+01:0',
    '2026-03-02T09:00:00Z+01:00',
    '+02026-03-02T09:00:00Z',
    '-2026-03-02T09:00:00Z',
    '12026-03-02T09:00:00Z',
    ' 2026-03-02T09:00:00Z',
    '2026-03-02T09:00:00Z ',
    '2026-03-02T09:00:00Z\n',
    '２026-03-02T09:00:00Z',
    'Mon, 02 Mar 2026 09:00:00 GMT',
    '',
    null,
    undefined,
    1_772_442_000_000,
    {},
    ['2026-03-02T09:00:00Z'],
  ])('%j is absent', (wire) => expect(time(wire)).toBeNull());

  test('whatever the string, the time is what the model reads, which goes by the calendar', () => {
    const digits = (from: number, to: number, width: number): fc.Arbitrary<string> =>
      fc.integer({ min: from, max: to }).map((value) => String(value).padStart(width, '0'));
    const text = fc
      .tuple(
        fc.oneof(digits(1898, 1901, 4), digits(2298, 2301, 4), digits(0, 9999, 4)),
        digits(0, 13, 2),
        digits(0, 32, 2),
        digits(0, 25, 2),
        digits(0, 61, 2),
        fc.oneof(
          fc.constant(''),
          digits(0, 61, 2).map((s) => `:${s}`),
          digits(0, 99_999, 1).map((f) => `:59.${f}`),
        ),
        fc.oneof(
          fc.constant('Z'),
          digits(0, 25, 2).map((h) => `+${h}`),
          digits(0, 61, 2).map((m) => `-23:${m}`),
        ),
      )
      .map(([y, mo, d, h, mi, rest, zone]) => `${y}-${mo}-${d}T${h}:${mi}${rest}${zone}`);
    fc.assert(
      fc.property(text, (wire) => {
        expect(time(wire)).toBe(naiveTime(wire));
      }),
      { numRuns: 3_000 },
    );
  });

  test('a date that was read before changes nothing: of the form of Genesys, whatever stands in its places', () => {
    const wire = fc
      .tuple(
        fc.constantFrom(
          '2026-03-02',
          '2024-02-29',
          '1900-01-01',
          '1899-12-31',
          '2299-12-31',
          '2300-01-01',
          '2026-02-30',
        ),
        fc.array(fc.tuple(fc.integer({ min: 10, max: 23 }), fc.constantFrom(...Array.from('0123456789:.TZ+- ２'))), {
          maxLength: 3,
        }),
      )
      .map(([date, changes]) => {
        const characters = Array.from(`${date}T21:54:38.076Z`);
        for (const [at, character] of changes) characters[at] = character;
        return characters.join('');
      });
    fc.assert(
      fc.property(fc.array(wire, { minLength: 2, maxLength: 6 }), (all) => {
        for (const each of all) expect([each, time(each)]).toEqual([each, naiveTime(each)]);
      }),
      { numRuns: 2_000 },
    );
  });
});
