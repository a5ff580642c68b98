import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/common';

/**
 * The pages for users, by their paths from the root of the repository, without the chart's and the lists of licenses.
 */
export function documents(): readonly string[] {
  const root = readdirSync(packageRoot());
  const docs = readdirSync(join(packageRoot(), 'docs'), { recursive: true, encoding: 'utf8' });
  return [...root, ...docs.map((name) => join('docs', name))]
    .filter((name) => name.endsWith('.md') && name !== join('docs', 'licenses.md'))
    .sort();
}

export function documentText(path: string): string {
  return readFileSync(join(packageRoot(), path), 'utf8');
}

export interface CodeBlock {
  /** E.g. `sh`; empty: none. */
  readonly language: string;
  readonly text: string;
}

const FENCED = /^( *)```([^\n]*)\n([\s\S]*?)^ *```$/gm;

export function codeBlocks(markdown: string): readonly CodeBlock[] {
  return [...markdown.matchAll(FENCED)].map(([, indent = '', language = '', text = '']) => ({
    language: language.trim(),
    text: text.replace(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

export function withoutCodeBlocks(markdown: string): string {
  return markdown.replace(FENCED, (block) => block.replace(/[^\n]/g, ''));
}

/** The text between backticks, without code blocks. */
export function codeSpans(markdown: string): readonly string[] {
  return [...withoutCodeBlocks(markdown).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replace(/\s+/g, ' '));
}
