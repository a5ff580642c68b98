/** A topic in the form that Strimzi's operator takes (its custom resource definition has no package with types). */
export interface IKafkaTopic {
  apiVersion: 'kafka.strimzi.io/v1' | 'kafka.strimzi.io/v1beta2';
  kind: 'KafkaTopic';
  metadata: {
    name: string;
    namespace: string;
    labels: Record<string, string> & { 'strimzi.io/cluster': string };
    annotations?: Record<string, string>;
  };
  spec: {
    topicName?: string;
    partitions?: number;
    replicas?: number;
    config?: Record<string, string | number | boolean>;
  };
}
