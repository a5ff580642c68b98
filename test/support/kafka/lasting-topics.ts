import { type TopicNames, topicDefinitions } from '../../../src/log';

/**
 * The topics of a pipeline, which keep every record. Visits carry the receive times of their events. Those of tests are
 * of March 2026, so Kafka would delete them at its next look for what has expired: 30 s after its start, then every
 * five minutes.
 */
export function lastingTopics(topics: TopicNames): ReturnType<typeof topicDefinitions> {
  return topicDefinitions(topics, 1).map(({ config, ...definition }) => ({
    ...definition,
    config: 'retention.ms' in config ? { ...config, 'retention.ms': '-1' } : config,
  }));
}
