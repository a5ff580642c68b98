import { collectDefaultMetrics, Registry, type OpenMetricsContentType } from 'prom-client';

/** The text of a scrape, and its content type. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** Gauges whose names end in `_total`, which promtool rejects. `nodejs_active_*` without it say the same. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Adds the process's own metrics (CPU, memory, event loop, garbage collection) to a registry. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}

/** Renders Prometheus text, or OpenMetrics if the `Accept` header of the scraper asks for it. */
export async function renderMetrics(registry: Registry, accept: string | undefined): Promise<Exposition> {
  const wanted = acceptsOpenMetrics(accept) ? asOpenMetrics(registry) : registry;
  return { contentType: wanted.contentType, body: await wanted.metrics() };
}

function acceptsOpenMetrics(accept = ''): boolean {
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === 'application/openmetrics-text' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/**
 * prom-client renders OpenMetrics after it has cut `_total` off the names of the metrics themselves, and the next
 * Prometheus scrape would miss it. So it gets stand-ins, which take whatever it assigns.
 */
function asOpenMetrics(registry: Registry): Registry<OpenMetricsContentType> {
  const copy = new Registry<OpenMetricsContentType>();
  copy.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const { name } of registry.getMetricsAsArray()) {
    const metric = registry.getSingleMetric(name);
    if (metric === undefined) continue;
    const own = { name: { value: name, writable: true, enumerable: true } };
    copy.registerMetric(Object.create(metric, own) as typeof metric);
  }
  return copy;
}
