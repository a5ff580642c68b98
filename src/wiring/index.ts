/**
 * The common parts of every role: connections made from the settings, topics and tables made by `setup`, and the probes
 * of dependencies for health.
 */
export { type Connected, connectKafka, kafkaConnection, registryOptions, tlsMaterial, withKafkaAdmin } from './connect';
export { watchLoop } from './loop-watch';
export { logAnswers, storeAnswers } from './reach';
export type { RoleParts, RunningRole } from './role';
export { foldSettingsOf, limitsOf, maskOf } from './settings';
export { minInsyncReplicas, setUp, type SetupOptions, setUpTables, topicSchemas } from './setup';
