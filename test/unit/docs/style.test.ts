import { describe, expect, test } from '@jest/globals';
import { documents, documentText, withoutCodeBlocks } from '../../support/files/documents';

/** British forms, each as the beginning of a word. */
const BRITISH = new RegExp(
  `\\b(${[
    ...['colour', 'behaviour', 'honour', 'favour', 'neighbour', 'labour', 'centre', 'metre', 'theatre', 'licence'],
    ...['organis', 'normalis', 'minimis', 'maximis', 'recognis', 'synchronis', 'serialis', 'initialis', 'authoris'],
    ...['categoris', 'summaris', 'optimis', 'customis', 'materialis', 'realis', 'analys(?:e|ing)', 'catalogue'],
    ...['cancelled', 'cancelling', 'labelled', 'modelled', 'travelled', 'grey', 'whilst', 'amongst'],
  ].join('|')})\\w*`,
  'gi',
);
const WIDEST = 120;

/** Sentences alone: code, addresses of links and titles of tests stay as they are. */
const prose = (path: string): string =>
  withoutCodeBlocks(documentText(path))
    .replace(/`[^`]+`/g, '')
    .replace(/\]\([^)]+\)/g, ']');

describe('the documents', () => {
  test.each(documents())('%s is in American English', (path) => {
    expect([...prose(path).matchAll(BRITISH)].map(([word]) => word)).toEqual([]);
  });

  // An entry of the changelog is one line, so that two of them do not meet in a merge.
  test.each(documents().filter((path) => path !== 'CHANGELOG.md'))(
    '%s has no long lines, tables and code aside',
    (path) => {
      const long = withoutCodeBlocks(documentText(path))
        .split('\n')
        .filter((line) => line.length > WIDEST && !/^\s*\|/.test(line));
      expect(long).toEqual([]);
    },
  );
});
