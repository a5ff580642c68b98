/** The log on Kafka. kafkajs, its repairs and its internals are behind this interface. */
export { createKafkaAdmin, type KafkaAdmin } from './admin/admin';
export type { KafkaConnection } from './client';
export { checkKafka } from './doctor';
export { createKafkaLog, type KafkaLogOptions } from './log';
export { createMskTokenProvider } from './msk-iam';
