import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../../../src/common';
import type { Manifest } from './helm';

const PROMETHEUS = '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

/** The place of a manifest's type, by `apiVersion kind`. */
const TYPES: Readonly<Record<string, string>> = {
  'v1 ConfigMap': 'kubernetes-models/v1/ConfigMap',
  'v1 Pod': 'kubernetes-models/v1/Pod',
  'v1 ServiceAccount': 'kubernetes-models/v1/ServiceAccount',
  'v1 Service': 'kubernetes-models/v1/Service',
  'apps/v1 Deployment': 'kubernetes-models/apps/v1/Deployment',
  'apps/v1 StatefulSet': 'kubernetes-models/apps/v1/StatefulSet',
  'batch/v1 Job': 'kubernetes-models/batch/v1/Job',
  'policy/v1 PodDisruptionBudget': 'kubernetes-models/policy/v1/PodDisruptionBudget',
  'networking.k8s.io/v1 NetworkPolicy': 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy',
  'networking.k8s.io/v1 Ingress': 'kubernetes-models/networking.k8s.io/v1/Ingress',
  'autoscaling/v2 HorizontalPodAutoscaler': 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler',
  'keda.sh/v1alpha1 ScaledObject': '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject',
  'monitoring.coreos.com/v1 ServiceMonitor': `${PROMETHEUS}/ServiceMonitor`,
  'monitoring.coreos.com/v1 PrometheusRule': `${PROMETHEUS}/PrometheusRule`,
  'kafka.strimzi.io/v1 KafkaTopic': '../../test/support/deployment/kafka-topic',
};

/**
 * Errors of manifests against the schemas of Kubernetes and of the operators. The manifests are written as literals of
 * their types, so that the compiler finds unknown fields, wrong types and missing fields.
 * @param files manifests, by a name for messages
 */
export function typeErrors(files: ReadonlyMap<string, readonly Manifest[]>): readonly string[] {
  // Within the project, where the compiler finds the types.
  const folder = join(packageRoot(), '.cache', `manifests-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const paths = [...files].map(([name, manifests]) => {
      const path = join(folder, `${name}.ts`);
      writeFileSync(path, manifests.map(asLiteral).join('\n'));
      return path;
    });
    const program = ts.createProgram(paths, {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      target: ts.ScriptTarget.ES2022,
      types: [],
    });
    return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const line = file?.text.slice(0, start).split('\n').at(-1)?.trim() ?? '';
      const manifest = [...(file?.text.slice(0, start) ?? '').matchAll(/^\/\/ (.*)$/gm)].at(-1)?.[1] ?? '';
      return `${manifest}: ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function asLiteral(manifest: Manifest, index: number): string {
  const { apiVersion, kind, metadata } = manifest;
  const module = TYPES[`${apiVersion} ${kind}`];
  if (module === undefined) throw new Error(`${apiVersion} ${kind}: add the module with its type to TYPES`);
  const type = `import('${module}').I${kind}`;
  return `// ${kind} ${metadata.name}\nexport const m${index}: ${type} = ${JSON.stringify(manifest, null, 2)};`;
}
