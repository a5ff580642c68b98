import { type Io, OperatorError, write } from '../common';
import { requireGroups } from '../config';
import { rebuild } from '../sink';
import { checkStore } from '../store';
import { connectKafka, kafkaConnection, setUpTables, withKafkaAdmin } from '../wiring';
import type { Context } from './context';
import { configuredStore } from './role';

/** How many differences are printed. All are counted. */
const MOST_PRINTED = 100;

/** `queuefold rebuild`. Exit code 0: the table equals the compacted topic. Exit code 1: it does not. */
export async function runRebuild(context: Context): Promise<number> {
  const { config, logger, metrics, io, quiet, shutdown } = context;
  const { kafka } = requireGroups(config, ['kafka', 'registry', 'clickhouse']);
  const store = configuredStore(context);
  await checkStore(store);
  const connected = connectKafka(config, logger, metrics);
  shutdown.onStop('Kafka clients', () => connected.log.close());
  const { rebuildGroup } = connected.topics;
  await withKafkaAdmin(kafkaConnection(config, kafka.brokers, logger), async (admin) => {
    if (await admin.groupIsActive(rebuildGroup)) {
      throw new OperatorError(
        `Another \`queuefold rebuild\` runs on this topic (group ${rebuildGroup}). Wait until it ends.`,
      );
    }
  });
  await setUpTables(config, store, 'apply');
  const result = await rebuild({
    ...{ config, logger, metrics, store, ...connected },
    signal: shutdown.signal,
    onProgress: quiet ? () => undefined : progressOn(io),
  });
  if (result === null) return 0;
  const { differences, ...rest } = result;
  const printed = { ...rest, differences: differences.length, first: differences.slice(0, MOST_PRINTED) };
  await write(io.stdout, `${JSON.stringify(printed)}\n`);
  return differences.length === 0 ? 0 : 1;
}

function progressOn({ stderr }: Io): (stored: number, all: number) => void {
  let last = -1;
  return (stored, all) => {
    const percent = all === 0 ? 100 : Math.floor((100 * stored) / all);
    if (percent === last) return;
    last = percent;
    const text = `rebuilding: ${percent} % of ${all} offsets`;
    if (stderr.isTTY === true) stderr.write(`\r\x1b[K${text}${percent === 100 ? '\n' : ''}`);
    else stderr.write(`${text}\n`);
  };
}
