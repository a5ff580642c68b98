import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Who serves a metric. */
export type MetricRole = 'bridge' | 'fold' | 'sink' | 'board';

/** The values of a label that no list can name in advance, and what bounds their number. */
export interface Bounded {
  readonly bounded: string;
}

/**
 * The values of each label: all of them, or what bounds them. Nothing unbounded: no conversation, user, number or text.
 */
export type LabelSpec = Readonly<Record<string, readonly string[] | Bounded>>;

/** The labels of one series. */
export type LabelsOf<S extends LabelSpec> = {
  readonly [K in keyof S]: S[K] extends readonly (infer V)[] ? V : string | number;
};

export interface MetricDefinition {
  /** With the prefix. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly roles: readonly MetricRole[];
  readonly labels: LabelSpec;
}

interface Readable<S extends LabelSpec> {
  get(): Promise<{ values: { value: number; labels: Partial<Record<keyof S & string, string | number>> }[] }>;
}

export interface TypedCounter<S extends LabelSpec> extends Readable<S> {
  inc(...args: keyof S extends never ? [by?: number] : [labels: LabelsOf<S>, by?: number]): void;
}

export interface TypedGauge<S extends LabelSpec> extends Readable<S> {
  set(...args: keyof S extends never ? [value: number] : [labels: LabelsOf<S>, value: number]): void;
  inc(...args: keyof S extends never ? [by?: number] : [labels: LabelsOf<S>, by?: number]): void;
  dec(...args: keyof S extends never ? [by?: number] : [labels: LabelsOf<S>, by?: number]): void;
  /** Ends the series: nobody serves it any longer. */
  remove(...args: keyof S extends never ? [] : [labels: LabelsOf<S>]): void;
  /** Ends all series. A gauge without labels becomes 0. */
  reset(): void;
  /** Called before each scrape, to set values that are known only then. */
  onScrape(set: () => void): void;
}

export interface SingleGauge {
  set(value: number): void;
  /** Stops serving it. */
  remove(): void;
  get(): Promise<{ values: { value: number }[] }>;
}

export interface TypedHistogram<S extends LabelSpec> extends Readable<S> {
  /** @param traceId the trace of the observed event: an exemplar, in OpenMetrics; null: none */
  observe(labels: LabelsOf<S>, seconds: number, traceId?: string | null): void;
}

export interface MetricBuilder {
  readonly registry: Registry;
  readonly definitions: readonly MetricDefinition[];
  counter<const S extends LabelSpec>(name: string, help: string, labels: S): TypedCounter<S>;
  gauge<const S extends LabelSpec>(name: string, help: string, labels: S): TypedGauge<S>;
  /** A gauge without labels that is not served before somebody sets it. A 0 would be wrong (1970, or nothing left). */
  unsetGauge(name: string, help: string): SingleGauge;
  histogram<const S extends LabelSpec>(
    name: string,
    help: string,
    labels: S,
    buckets: readonly number[],
  ): TypedHistogram<S>;
  /** The same for metrics of these roles. */
  of(...roles: readonly MetricRole[]): MetricBuilder;
}

const PREFIX = 'queuefold_';

/**
 * Makes prom-client's metrics and keeps their definitions. Each metric is defined once, with the values of its labels.
 */
export function createMetricBuilder(): MetricBuilder {
  const registry = new Registry();
  const definitions: MetricDefinition[] = [];

  const builderFor = (roles: readonly MetricRole[]): MetricBuilder => {
    const define = (type: MetricDefinition['type'], name: string, help: string, labels: LabelSpec) => {
      const definition = { name: `${PREFIX}${name}`, type, help, roles, labels };
      definitions.push(definition);
      return { name: definition.name, help, labelNames: Object.keys(labels), registers: [registry] };
    };
    const gauge = <S extends LabelSpec>(name: string, help: string, labels: S): TypedGauge<S> => {
      const made = new Gauge(define('gauge', name, help, labels));
      return Object.assign(made as Gauge & TypedGauge<S>, {
        onScrape: (set: () => void) => {
          (made as Gauge & { collect?: () => void }).collect = set;
        },
      });
    };
    return {
      registry,
      definitions,
      counter: <S extends LabelSpec>(name: string, help: string, labels: S) =>
        new Counter(define('counter', name, help, labels)) as TypedCounter<S>,
      gauge,
      unsetGauge: (name, help) => {
        const made = gauge(name, help, {});
        made.remove();
        return made;
      },
      histogram: <S extends LabelSpec>(name: string, help: string, labels: S, buckets: readonly number[]) => {
        const histogram = new Histogram({
          ...define('histogram', name, help, labels),
          buckets: [...buckets],
          enableExemplars: true,
          // A registry refuses metrics with exemplars while its content type is that of Prometheus.
          registers: [],
        });
        registry.registerMetric(histogram);
        return {
          observe: (of: LabelsOf<S>, value: number, traceId: string | null = null) => {
            const exemplar = traceId === null ? {} : { exemplarLabels: { trace_id: traceId } };
            histogram.observe({ labels: of as Record<string, string>, value, ...exemplar });
          },
          get: () => histogram.get(),
        };
      },
      of: (...others) => builderFor(others),
    };
  };
  return builderFor(['bridge', 'fold', 'sink', 'board']);
}

/** Every series of the lists of label values; null: there are too many, or a label has no list. */
export function allSeries(
  { labels }: MetricDefinition,
  most: number,
): readonly Readonly<Record<string, string>>[] | null {
  let series: readonly Readonly<Record<string, string>>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if ('bounded' in values) return null;
    series = series.flatMap((one) => values.map((value) => ({ ...one, [label]: value })));
    if (series.length > most) return null;
  }
  return series;
}
