import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../../../src/common';

/** The shipped rules and dashboards, and the names that their PromQL uses. */

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface DashboardTarget {
  readonly panel: string;
  /** PromQL or SQL. */
  readonly query: string;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr?: string; readonly rawSql?: string }[];
}

export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly targets: readonly DashboardTarget[];
  readonly variables: readonly { readonly name: string; readonly type: string; readonly query: string }[];
}

const CHART = join(packageRoot(), 'helm', 'queuefold');
export const RULES_DIR = join(CHART, 'rules');
export const DASHBOARDS_DIR = join(CHART, 'dashboards');

export function ruleFiles(): readonly string[] {
  return readdirSync(RULES_DIR)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => join(RULES_DIR, file));
}

export function rules(): readonly Rule[] {
  return ruleFiles().flatMap((file) => {
    const { groups } = parse(readFileSync(file, 'utf8')) as { groups: readonly { rules: readonly Rule[] }[] };
    return groups.flatMap((group) => group.rules);
  });
}

export function dashboards(): readonly Dashboard[] {
  const files = readdirSync(DASHBOARDS_DIR).filter((file) => file.endsWith('.json'));
  return files.map((file) => {
    const { uid, panels, templating } = JSON.parse(readFileSync(join(DASHBOARDS_DIR, file), 'utf8')) as {
      uid: string;
      panels: readonly Panel[];
      templating: { list: Dashboard['variables'] };
    };
    const targets = panels.flatMap(({ title, targets: all = [] }) =>
      all.map(({ expr, rawSql }) => ({ panel: title, query: expr ?? rawSql ?? '' })),
    );
    return { file, uid, targets, variables: templating.list };
  });
}

/** A metric in PromQL, with its matchers. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

export function selectorsOf(promql: string): readonly Selector[] {
  return [...promql.matchAll(/\b(queuefold[_:][\w:]+)(?:\{([^}]*)\})?/g)].map(([, metric = '', matchers = '']) => ({
    metric,
    matchers: [...matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)].map(
      ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
    ),
  }));
}

/** The labels of `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`. */
export function groupingsOf(promql: string): readonly string[] {
  const lists = promql.matchAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g);
  return [...lists].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((label) => label.trim())
      .filter((label) => label !== ''),
  );
}

/**
 * A query as Grafana and its ClickHouse plug-in send it: with its variables, text boxes in their initial state, and all
 * time.
 */
export function asGrafanaSends(query: string, database: string, queues: readonly string[]): string {
  const texts = dashboards().flatMap(({ variables }) => variables.filter(({ type }) => type === 'textbox'));
  const filled = texts
    .filter(({ name }) => name !== 'database')
    .reduce((text, { name, query: value }) => text.replaceAll(`\${${name}}`, value), query);
  return filled
    .replaceAll('$__fromTime', 'toDateTime(0)')
    .replaceAll('$__toTime', 'toDateTime(4102444800)')
    .replaceAll('${database}', `\`${database}\``)
    .replaceAll('${queue:singlequote}', queues.map((queue) => `'${queue}'`).join(','))
    .replace(/\$__timeFilter\((\w+)\)/g, "$1 >= toDateTime(0, 'UTC') AND $1 <= toDateTime(4102444800, 'UTC')");
}
