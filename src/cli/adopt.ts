import { OperatorError } from '../common';
import { requireGroups } from '../config';
import { adoptFold } from '../fold';
import { connectKafka, foldSettingsOf, kafkaConnection, withKafkaAdmin } from '../wiring';
import type { Context } from './context';

/**
 * After a loss that the fold refuses: makes a state from what is left, and sets where to continue. Returns what it did,
 * a line each.
 * @throws OperatorError while a fold runs
 */
export async function adoptLosses({ config, logger, metrics, shutdown }: Context): Promise<readonly string[]> {
  const { kafka } = requireGroups(config, ['kafka', 'registry']);
  const { log, schemas, topics } = connectKafka(config, logger, metrics);
  shutdown.onStop('Kafka clients', () => log.close());
  const connection = kafkaConnection(config, kafka.brokers, logger);
  if (await withKafkaAdmin(connection, (admin) => admin.groupIsActive(topics.foldGroup))) {
    throw new OperatorError(
      `Group ${topics.foldGroup} has members, so a fold still runs. Stop every fold and try again.`,
    );
  }
  const done = await adoptFold({
    ...{ log, schemas, topics, metrics },
    settings: foldSettingsOf(config),
    deadLetterLimits: config.deadLetters,
    timers: false,
  });
  return done.length === 0 ? ['nothing was lost, so there is nothing to adopt'] : done;
}
