import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import type { Metrics } from './metrics';

/** The measurements of a thread, in the form in which it sends them to another. */
export type MetricValues = readonly MetricObjectWithValues<MetricValue<string>>[];

/** The metrics of queuefold of which a thread has values. The metrics of its process are left out. */
export async function valuesOf({ registry, definitions }: Metrics): Promise<MetricValues> {
  const own = new Set(definitions.map(({ name }) => name));
  const all = await registry.getMetricsAsJSON();
  return all.filter(({ name, values }) => own.has(name) && values.length > 0);
}

/** A registry in which each metric is the sum of what this thread and the others have measured. */
export async function mergedWith(own: Registry, others: readonly MetricValues[]): Promise<Registry> {
  const names = new Set(others.flat().map(({ name }) => name));
  const mine = (await own.getMetricsAsJSON()).filter(({ name }) => names.has(name));
  const sums = AggregatorRegistry.aggregate([mine, ...others]);
  const merged = new Registry();
  for (const { name } of own.getMetricsAsArray()) {
    const metric = (names.has(name) ? sums : own).getSingleMetric(name);
    if (metric !== undefined) merged.registerMetric(metric);
  }
  return merged;
}
