import { UsageError } from '../common';
import { readFlag, requireGenesys, size } from '../config';
import { DEFAULT_INPUT_LIMITS } from '../conversation';
import { type GenesysFeed, startGenesysFeed } from '../genesys';
import { createIngest, type Ingest } from '../ingest';
import { createEventCodec, createLocalSchemas, topicNames } from '../log';
import {
  openRecordingFiles,
  openRecordingStream,
  recordingNames,
  type RecordingTarget,
  recordMinimised,
  recordRaw,
  type Rotation,
  startRecordingWriter,
} from '../record';
import { limitsOf, maskOf } from '../wiring';
import type { Context } from './context';
import { counted } from './text';

export interface RecordFlags {
  readonly out: string;
  readonly rotateBytes?: string;
  readonly rotateMinutes?: string;
  readonly gzip?: true;
  readonly raw?: true;
}

/** How long lines wait to be packed together, which takes a tenth of the room. A kill may lose them. */
const GATHER_MS = 1_000;

const RAW_WARNING =
  'WARNING: --raw records everything that Genesys sends: names, numbers, attributes, notes. This is personal data, and ' +
  'PRIVACY_MASK has no effect on it. Protect the files, and keep them no longer than needed.\n';

/** `queuefold record` runs until somebody stops it. It needs Genesys, and no Kafka. */
export async function runRecord(context: Context, flags: RecordFlags): Promise<void> {
  const { config, io, logger, metrics, quiet, shutdown } = context;
  const { clientId, clientSecret, loginUrl, apiUrl, queues } = requireGenesys(config);
  const format = flags.gzip === true || flags.out.endsWith('.gz') ? 'gzip' : 'plain';
  const target = await openTarget(context, flags, format);
  if (flags.raw === true) io.stderr.write(RAW_WARNING);

  let feed: GenesysFeed | null = null;
  const writer = startRecordingWriter({
    target,
    gatherMs: format === 'gzip' ? GATHER_MS : 0,
    onFull: () => {
      logger.warn(
        { files: target.files() },
        'the disk is too slow for the recording: record stops reading from Genesys',
      );
      feed?.pause();
    },
    onRoom: () => feed?.resume(),
  });
  shutdown.onStop('recording', () => writer.close());

  const counts = { events: 0, skipped: 0, invalid: 0 };
  const record = flags.raw === true ? recordRaw : recordMinimised(await ingestOf(context));
  const running = await startGenesysFeed({
    credentials: { clientId, clientSecret: clientSecret.reveal() },
    urls: { loginUrl, apiUrl },
    queues,
    metrics,
    logger,
    onFrame: ({ bytes, receivedAt }) => {
      for (const recorded of record(bytes.toString('utf8'), receivedAt)) {
        if (recorded.kind === 'line') {
          counts.events++;
          writer.add(recorded.line);
          continue;
        }
        counts[recorded.kind === 'skip' ? 'skipped' : 'invalid']++;
        if (recorded.kind === 'invalid') logger.warn({ reason: recorded.reason }, 'record leaves out a frame');
      }
    },
  });
  feed = running;
  shutdown.onStop('Genesys', () => running.stop());
  if (!quiet)
    io.stderr.write(`recording ${counted(running.queues().length, 'queue')} to ${flags.out}; Ctrl-C ends it\n`);
  await shutdown.until(writer.done);
  if (!quiet) {
    const { events, skipped, invalid } = counts;
    io.stderr.write(
      `${counted(events, 'frame')} recorded, ${skipped} skipped, ${invalid} invalid; ${placesOf(target)}\n`,
    );
  }
}

/** The ingest that the bridge has before Kafka. */
async function ingestOf({ config }: Context): Promise<Ingest> {
  const topics = topicNames(config.topics.prefix);
  const events = await createEventCodec(createLocalSchemas(), topics);
  const limits = limitsOf(config);
  return createIngest({ stage: 'bridge', topics, events, limits, input: DEFAULT_INPUT_LIMITS, mask: maskOf(config) });
}

async function openTarget({ io }: Context, flags: RecordFlags, format: 'plain' | 'gzip'): Promise<RecordingTarget> {
  const rotation = rotationOf(flags);
  if (flags.out !== '-') return openRecordingFiles(recordingNames(flags.out, format), format, rotation);
  if (rotation.bytes !== null || rotation.afterMs !== null) {
    throw new UsageError('--rotate-bytes, --rotate-minutes: not allowed with --out -, which is one stream.');
  }
  return openRecordingStream(io.stdout, format);
}

function rotationOf({ rotateBytes, rotateMinutes }: RecordFlags): Rotation {
  return {
    bytes: rotateBytes === undefined ? null : readFlag('--rotate-bytes', size(1, Number.MAX_SAFE_INTEGER), rotateBytes),
    afterMs: rotateMinutes === undefined ? null : minutesOf(rotateMinutes) * 60_000,
  };
}

function minutesOf(flag: string): number {
  const minutes = Number(flag);
  if (flag.trim() !== '' && minutes > 0 && minutes <= 44_640) return minutes;
  throw new UsageError(
    `--rotate-minutes: "${flag}" is not allowed. Give a number of minutes above 0 and at most 44640.`,
  );
}

function placesOf(target: RecordingTarget): string {
  const files = target.files();
  return files.length === 0
    ? 'to stdout'
    : `${files.length === 1 ? 'file' : `${files.length} files, the last`} ${files.at(-1)}`;
}
