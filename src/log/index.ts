/**
 * The log: everything that queuefold needs of Kafka, as a port with two adapters (kafkajs, and one in memory). Here are
 * also the runtime of tasks and subscriptions, the Avro codecs, the definitions of the topics, and the shape of each
 * record.
 */
export { type Acl, ACL_ROLES, aclFlags, type AclOperation, type AclRole, aclsOf } from './acls';
export {
  type ChangelogCodec,
  type ChangelogValue,
  CHECKPOINT_KEY,
  createChangelogCodec,
  createEventCodec,
  createEventReader,
  createNameCodec,
  createNameReader,
  createRowCodec,
  createRowReader,
  createVisitCodec,
  createVisitReader,
  type FoldCheckpoint,
} from './codec/codecs';
export { checkRegistry } from './codec/registry-doctor';
export { checkSubject, createRegistrySchemas, registerSchema, type RegistryOptions } from './codec/registry';
export { checkSchemaMarks, schemaMarks } from './codec/schema-marks';
export { createLocalSchemas, type SchemaSource } from './codec/schema-source';
export { type AvroSchema, loadSchema } from './codec/schemas';
export { type ValueCodec, type ValueReader, writerOf } from './codec/value-codec';
export { discard } from './discard';
export { type FollowedTable, followTable, type Picture } from './table/follow-table';
export {
  checkKafka,
  createKafkaAdmin,
  createKafkaLog,
  createMskTokenProvider,
  type KafkaAdmin,
  type KafkaConnection,
  type KafkaLogOptions,
} from './kafkajs';
export { createMemoryCluster, createMemoryLog, type MemoryCluster } from './memory';
export { createTokenProvider } from './oauth';
export { partitionOf } from './partitioner';
export type {
  Log,
  LogProducer,
  AssignedPartition,
  Checkpoint,
  Headers,
  LogRecord,
  OutRecord,
  Reading,
  ReadRequest,
  RecordMark,
  RunningSubscription,
  RunningTasks,
  Subscription,
  Task,
  TaskOutput,
  TaskState,
  TaskStatus,
  TopicMark,
  Topology,
} from './port';
export { aloneBytes, recordBytes } from './record-size';
export { RefusedRecordsError } from './refused';
export { deadLetterRecord, unreadable } from './records/dead-letter';
export {
  type CloudEvent,
  cloudEventHeaders,
  continueTrace,
  ERASED_TYPE,
  ERASED_VISIT_TYPE,
  headerOf,
  saysErased,
} from './records/headers';
export { createFoldSpans, reportSent, reportStored } from './records/spans';
export { printableRecord, readStateRecord } from './records/state-records';
export { readVisitKey, readVisitRecord, visitKey } from './records/visit-records';
export type { TaskHooks } from './runtime/backend';
export { digestOf } from './runtime/digest';
export type { TableListener, UnreadableRecord } from './table/table-rows';
export {
  LARGEST_RECORD_BYTES,
  NAMES_PARTITIONS,
  TOMBSTONE_RETENTION_MS,
  topicDefinitions,
  topicNames,
  type TopicNames,
  type TopicUse,
  valueSubject,
} from './topics';
