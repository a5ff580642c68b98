import { UsageError, write } from '../common';
import { requireGroups } from '../config';
import { kafkaConnection, registryOptions, setUp } from '../wiring';
import { adoptLosses } from './adopt';
import type { Context } from './context';
import { configuredStore } from './role';

export interface SetupFlags {
  readonly dryRun?: true;
  /** Whether a shorter HISTORY_RETENTION may delete versions. */
  readonly allowDataLoss?: true;
  /** Whether to repair the losses for which a fold refuses to start, as far as possible. */
  readonly adopt?: true;
}

/** `queuefold setup`: creates topics and schemas, and tables if CLICKHOUSE_URL is set. */
export async function runSetup(context: Context, { dryRun, allowDataLoss, adopt }: SetupFlags): Promise<void> {
  const { config, logger, io } = context;
  if (adopt === true && dryRun === true) {
    throw new UsageError('--adopt: not allowed with --dry-run. The error message of the fold says what was lost.');
  }
  const { kafka, registry } = requireGroups(config, ['kafka', 'registry']);
  const notes: string[] = [];
  const changes = await setUp({
    config,
    kafka: kafkaConnection(config, kafka.brokers, logger),
    registry: registryOptions(config, registry.url, logger),
    store: config.clickhouse.url === undefined ? null : configuredStore(context),
    mode: dryRun === true ? 'dry-run' : 'apply',
    loss: allowDataLoss === true ? 'allow' : 'refuse',
    onNote: (note) => notes.push(note),
  });
  const lines = changes.map((change) => (dryRun === true ? `not done (dry run): ${change}` : change));
  await write(io.stdout, `${(lines.length === 0 ? ['nothing to change'] : lines).join('\n')}\n`);
  if (!context.quiet) for (const note of notes) io.stderr.write(`note: ${note}\n`);
  if (adopt === true) await write(io.stdout, `${(await adoptLosses(context)).join('\n')}\n`);
  if (config.clickhouse.url === undefined && !context.quiet) {
    io.stderr.write('CLICKHOUSE_URL is not set, so setup did not look at tables.\n');
  }
}
