const MIB = 1024 * 1024;

export interface KafkaPlace {
  readonly clientPort: number;
  readonly controllerPort: number;
  /** The folder of Kafka's own data. */
  readonly logDir: string;
}

export type KafkaOverrides = Readonly<Record<string, string | number | boolean>>;

/**
 * The settings of a single broker on one machine. Kafka's limits keep their defaults: where queuefold needs more, it
 * sets its own topics (src/log/topics.ts), so a broker that somebody else configured needs no change.
 */
export function kafkaSettings(place: KafkaPlace, overrides: KafkaOverrides = {}): KafkaOverrides {
  const broker = `127.0.0.1:${place.clientPort}`;
  const controller = `127.0.0.1:${place.controllerPort}`;
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${broker},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${broker}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': place.logDir,

    'auto.create.topics.enable': false,
    'delete.topic.enable': true,

    // One node: nothing to wait for, nothing to replicate.
    'group.initial.rebalance.delay.ms': 0,
    'default.replication.factor': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,

    // For few cores and a small heap (by default, the cleaner allocates a buffer of 128 MiB at the start).
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.cleaner.threads': 1,
    'log.cleaner.dedupe.buffer.size': 16 * MIB,
    ...overrides,
  };
}

/** The text of server.properties. */
export function kafkaProperties(settings: KafkaOverrides): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${escapeProperty(String(value))}\n`)
    .join('');
}

/** A backslash begins an escape in a properties file; other characters of a path need none if the file is UTF-8. */
function escapeProperty(value: string): string {
  return value.replaceAll('\\', '\\\\');
}

/** Two files of at most 5 MB; output outside the log (a crash of the JVM) goes to kafka.out. */
export function log4jProperties(file: string): string {
  return `status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${file}
appender.file.filePattern = ${file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %c{1} %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 5MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
`;
}
