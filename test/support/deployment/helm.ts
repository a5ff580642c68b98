import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { CHART } from './chart-files';
import { toolPath } from './tools';

/** The parts of a rendered manifest that the tests check. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly Container[];
  readonly volumes?: readonly {
    readonly name: string;
    /** For the secrets; the values decide others. */
    readonly projected?: { readonly sources: readonly { readonly secret: SecretSource }[] };
  }[];
}

interface SecretSource {
  readonly name: string;
  readonly items: readonly { readonly key: string; readonly path: string }[];
}

interface Probe {
  readonly httpGet?: Readonly<Record<string, unknown>>;
}

export interface Container {
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly args: readonly string[];
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: {
      readonly fieldRef?: { readonly fieldPath: string };
      readonly secretKeyRef?: { readonly name: string; readonly key: string };
    };
  }[];
}

/** The values that tests render, by name: `ci/NAME-values.yaml`. */
export const CI_VALUES = readdirSync(join(CHART, 'ci')).map((file) => file.replace(/-values\.yaml$/, ''));

export const valuesFile = (name: string): string => join(CHART, 'ci', `${name}-values.yaml`);

/** The output of `helm template`, hooks and tests included. Rejects with Helm's message. */
export async function helmTemplate(helm: 'helm3' | 'helm4', args: readonly string[]): Promise<string> {
  const command = ['template', 'live', CHART, '--namespace', 'contact-centre', ...args];
  return (await promisify(execFile)(toolPath(helm), command, { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/**
 * Helm 4's output for the default values for CI with these on top; `values` as in values.yaml. Rejects with Helm's
 * message.
 */
export async function renderedWith(values: object, helm: 'helm3' | 'helm4' = 'helm4'): Promise<readonly Manifest[]> {
  const folder = mkdtempSync(join(tmpdir(), 'queuefold-values-'));
  try {
    const file = join(folder, 'values.json');
    writeFileSync(file, JSON.stringify(values));
    return manifestsOf(await helmTemplate(helm, ['--values', valuesFile('default'), '--values', file]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function manifestsOf(rendered: string): readonly Manifest[] {
  return parseAllDocuments(rendered).flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

export interface Pod {
  /** `StatefulSet live-queuefold-bridge` */
  readonly of: string;
  readonly replicas: number;
  readonly spec: PodSpec;
}

/** The pods that follow from the manifests. */
export function podsOf(manifests: readonly Manifest[]): readonly Pod[] {
  return manifests.flatMap(({ kind, metadata, spec }) => {
    const of = `${kind} ${metadata.name}`;
    const { replicas = 1, template } = (spec ?? {}) as { replicas?: number; template?: { spec: PodSpec } };
    if (kind === 'Pod') return [{ of, replicas: 1, spec: spec as PodSpec }];
    return template === undefined ? [] : [{ of, replicas, spec: template.spec }];
  });
}

/**
 * The environment of a container.
 * @param ordinal the pod's index in its StatefulSet
 * @param secret the value of an existing Secret's key
 */
export function environmentOf(
  { envFrom, env = [] }: Container,
  manifests: readonly Manifest[],
  { ordinal, secret }: { readonly ordinal: number; readonly secret: (variable: string) => string },
): Readonly<Record<string, string>> {
  const shared = envFrom.map(({ configMapRef: { name } }) => {
    const found = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
    if (found === undefined) throw new Error(`ConfigMap ${name}: referred to, and not rendered`);
    return found.data ?? {};
  });
  const all = Object.fromEntries(shared.flatMap((data) => Object.entries(data)));
  for (const { name, value, valueFrom } of env) {
    // As in Kubernetes: $(VAR) is the value of an earlier variable, and stays as it is if there is none of that name.
    if (value !== undefined)
      all[name] = value.replace(/\$\((\w+)\)/g, (written, variable: string) => all[variable] ?? written);
    else all[name] = valueFrom?.fieldRef === undefined ? secret(name) : String(ordinal);
  }
  return all;
}
