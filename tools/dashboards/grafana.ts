/** Grafana's dashboard JSON, as far as these dashboards use it: panels in rows of 24 columns. */

export interface Query {
  /** PromQL or SQL. */
  readonly query: string;
  /** As Grafana's legend format; absent: Grafana's own. */
  readonly legend?: string;
  /** Prometheus: the value now, instead of a series. ClickHouse: always what the SQL answers. */
  readonly instant?: true;
  /** ClickHouse: the answer is a series, its first column the time. */
  readonly series?: true;
  readonly exemplars?: true;
}

export interface PanelSpec {
  readonly title: string;
  readonly type: 'timeseries' | 'stat' | 'table';
  /** Of 24. */
  readonly width: number;
  /** Grafana's name: `s`, `percentunit`, `bytes`, `reqps`, `short`. */
  readonly unit?: string;
  readonly description?: string;
  /** From this value on it is red. */
  readonly redFrom?: number;
  readonly queries: readonly Query[];
}

export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

export type Datasource = 'prometheus' | 'grafana-clickhouse-datasource';

export interface DashboardSpec {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly datasource: Datasource;
  readonly refresh: string;
  readonly from: string;
  readonly variables: readonly Record<string, unknown>[];
  readonly rows: readonly RowSpec[];
}

const HEIGHT = { timeseries: 8, stat: 4, table: 8 } as const;
const COLUMNS = 24;

export function dashboardJson(spec: DashboardSpec): string {
  const datasource = { type: spec.datasource, uid: '${datasource}' };
  const panels: Record<string, unknown>[] = [];
  let y = 0;
  for (const { title, panels: inRow } of spec.rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: at(0, y, COLUMNS, 1),
      panels: [],
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of inRow) {
      if (x + panel.width > COLUMNS) {
        y += height;
        x = height = 0;
      }
      const gridPos = at(x, y, panel.width, HEIGHT[panel.type]);
      panels.push({ id: panels.length + 1, gridPos, datasource, ...panelJson(panel, datasource) });
      x += panel.width;
      height = Math.max(height, HEIGHT[panel.type]);
    }
    y += height;
  }
  const dashboard = {
    uid: spec.uid,
    title: spec.title,
    description: spec.description,
    tags: ['queuefold'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: spec.refresh,
    time: { from: spec.from, to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: spec.datasource, label: 'Data source' },
        ...spec.variables,
      ],
    },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function at(x: number, y: number, w: number, h: number) {
  return { x, y, w, h };
}

function panelJson({ title, type, unit = 'short', description, redFrom, queries }: PanelSpec, datasource: object) {
  const steps = [{ color: 'green', value: null }, ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }])];
  return {
    title,
    type,
    ...(description === undefined ? {} : { description }),
    fieldConfig: {
      defaults: { unit, ...(type === 'table' ? {} : { min: 0 }), thresholds: { mode: 'absolute', steps } },
      overrides: [],
    },
    ...(type === 'stat' ? { options: { reduceOptions: { calcs: ['lastNotNull'] }, graphMode: 'none' } } : {}),
    targets: queries.map((query, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      ...targetJson(query, datasource),
    })),
  };
}

function targetJson({ query, legend, instant, series, exemplars }: Query, datasource: object) {
  if ('type' in datasource && datasource.type === 'prometheus') {
    return {
      expr: query,
      ...(legend === undefined ? {} : { legendFormat: legend }),
      ...(instant === undefined ? { range: true } : { instant: true, range: false, format: 'table' }),
      ...(exemplars === undefined ? {} : { exemplar: true }),
    };
  }
  return series === undefined
    ? { rawSql: query, editorType: 'sql', queryType: 'table', format: 1 }
    : { rawSql: query, editorType: 'sql', queryType: 'timeseries', format: 0 };
}
