import { write } from '../common';
import { describeConfig } from '../config';
import type { Context } from './context';
import { printable } from './text';

export interface ConfigOptions {
  readonly json?: true;
}

/** `queuefold config`: prints every setting in force and its origin. Secrets are masked. */
export async function runConfig({ config, io }: Context, { json }: ConfigOptions): Promise<void> {
  const settings = describeConfig(config);
  if (json === true) {
    const lines = settings.map(({ key, value, origin }) => JSON.stringify({ key, value, origin }));
    await write(io.stdout, `${lines.join('\n')}\n`);
    return;
  }
  const rows = settings.map(({ key, value, origin }) => [key, shown(value), origin] as const);
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const [keys, values] = [width(0), Math.min(width(1), 48)];
  const lines = rows.map(([key, value, origin]) => `${key.padEnd(keys)}  ${value.padEnd(values)}  ${origin}`);
  await write(io.stdout, `${lines.join('\n')}\n`);
}

/** One line, whatever the value. Certificates are shortened. */
function shown(value: string | null): string {
  if (value === null) return '-';
  const [first = '', ...others] = value.trim().split('\n');
  return others.length === 0 ? printable(first) : `${printable(first)} … (${others.length + 1} lines)`;
}
