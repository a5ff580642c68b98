import type { Cluster } from '../cluster';
import type { SettingChange } from './topic-plan';
import { askToAlter, askToCreate, type Mode, type NewTopic, type Refusal } from './topic-requests';

/** A setting that the broker refuses, and that nothing depends on. */
export interface LeftOut {
  readonly name: string;
  readonly wanted: string;
  readonly refusal: Refusal;
}

/** A broker's answer to the wanted topic or settings. */
export interface Negotiated {
  /** The settings that it accepts. */
  readonly config: ReadonlyMap<string, string>;
  readonly left: readonly LeftOut[];
  /** Null: the broker would do it. */
  readonly refusal: Refusal | null;
}

/** Errors that may be about a setting. */
const ABOUT_SETTINGS = new Set(['INVALID_CONFIG', 'POLICY_VIOLATION', 'INVALID_REQUEST']);
/** Somebody else created it first; the next inspection sees it. */
const THERE_ALREADY = 'TOPIC_ALREADY_EXISTS';

/** The wanted settings with which the broker would create the topic. Changes nothing. */
export function negotiateCreate(
  cluster: Cluster,
  wanted: NewTopic,
  optional: ReadonlySet<string>,
): Promise<Negotiated> {
  return negotiate(wanted.config, optional, (config) => createTopic(cluster, { ...wanted, config }, 'validate'));
}

/** The changes that the broker would make. Changes nothing. */
export async function negotiateAlter(
  cluster: Cluster,
  topic: string,
  needed: readonly SettingChange[],
  wished: readonly SettingChange[],
): Promise<Negotiated> {
  const config = new Map([...needed, ...wished].map(({ name, wanted }) => [name, wanted]));
  if (config.size === 0) return { config, left: [], refusal: null };
  return negotiate(config, new Set(wished.map(({ name }) => name)), (some) =>
    some.size === 0 ? Promise.resolve(null) : alterTopic(cluster, topic, some, 'validate'),
  );
}

export async function createTopic(cluster: Cluster, topic: NewTopic, mode: Mode): Promise<Refusal | null> {
  const refusal = await askToCreate(await cluster.findControllerBroker(), topic, mode);
  return refusal?.type === THERE_ALREADY ? null : refusal;
}

export async function alterTopic(
  cluster: Cluster,
  topic: string,
  config: ReadonlyMap<string, string>,
  mode: Mode,
): Promise<Refusal | null> {
  return askToAlter(await cluster.findControllerBroker(), topic, config, mode);
}

/** Leaves out refused optional settings: those that the broker names, or else each that it refuses on its own. */
async function negotiate(
  wanted: ReadonlyMap<string, string>,
  optional: ReadonlySet<string>,
  ask: (config: ReadonlyMap<string, string>) => Promise<Refusal | null>,
): Promise<Negotiated> {
  const left: LeftOut[] = [];
  let config = wanted;
  for (;;) {
    const refusal = await ask(config);
    if (refusal === null) return { config, left, refusal };
    const candidates = [...config.keys()].filter((name) => optional.has(name));
    if (!ABOUT_SETTINGS.has(refusal.type) || candidates.length === 0) return { config, left, refusal };
    const named = candidates.filter((name) => isNamed(name, refusal));
    if (named.length > 0) {
      left.push(...named.map((name) => ({ name, wanted: config.get(name) ?? '', refusal })));
      config = without(config, named);
      continue;
    }
    let least = without(config, candidates);
    const last = await ask(least);
    if (last !== null) return { config: least, left, refusal: last };
    for (const name of candidates) {
      const more = new Map([...least, [name, config.get(name) ?? '']]);
      const refused = await ask(more);
      if (refused === null) least = more;
      else left.push({ name, wanted: config.get(name) ?? '', refusal: refused });
    }
    return { config: least, left, refusal: null };
  }
}

/** Whether the broker's message contains the setting's name as a whole word. */
export function isNamed(name: string, { message }: Refusal): boolean {
  return message.split(/[^\w.]+/).some((word) => word.replace(/\.+$/, '') === name);
}

function without(config: ReadonlyMap<string, string>, names: readonly string[]): ReadonlyMap<string, string> {
  return new Map([...config].filter(([name]) => !names.includes(name)));
}
