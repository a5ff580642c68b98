import { type BridgeParts, type IntakeCounts, startBridgeRole } from '../bridge';
import { UsageError } from '../common';
import { requireGenesys } from '../config';
import { exitCodeOf } from '../ops';
import { checkRecordings, recordedLines } from '../replay';
import type { Context } from './context';
import { hostRole } from './role';
import { counted } from './text';

export interface BridgeFlags {
  readonly events?: readonly string[];
}

/**
 * `queuefold bridge`: takes in events from Genesys, over HTTP and from files, as configured. With files alone it ends
 * when Kafka has acknowledged the last event.
 */
export async function runBridge(context: Context, { events: files }: BridgeFlags): Promise<number> {
  const { config, io, shutdown } = context;
  const isOpen = config.events.secret !== undefined;
  const genesys = config.genesys.clientId === undefined ? null : genesysParts(context);
  const isImport = files !== undefined && !isOpen && genesys === null;
  if (files === undefined && !isOpen && genesys === null) {
    throw new UsageError(
      'GENESYS_CLIENT_ID: not set, so the bridge would receive nothing. Set it for notifications, or set EVENTS_SECRET for POST /events, or name files with --events.',
    );
  }
  if (files !== undefined) checkRecordings(files);

  const bridge = await hostRole(context, {
    name: 'bridge',
    start: (parts) =>
      startBridgeRole({
        ...parts,
        genesys,
        ...(files === undefined ? {} : { lines: recordedLines(files, io.stdin) }),
      }),
  });
  const progress = { allSent: false };
  const imported = bridge.linesSent?.then(
    (counts) => {
      progress.allSent = true;
      if (!context.quiet) io.stderr.write(`${summaryText(counts)}\n`);
    },
    // An error of the files ends the role, through `done`.
    () => new Promise<never>(() => undefined),
  );
  await shutdown.until(isImport ? Promise.race([bridge.done, imported]) : bridge.done);
  // A stop in the middle of the files is not a success, because a script may wait for all of them.
  const cause = shutdown.cause();
  return isImport && !progress.allSent && cause !== null ? exitCodeOf(cause) : 0;
}

function genesysParts({ config }: Context): BridgeParts['genesys'] {
  const { clientId, clientSecret, loginUrl, apiUrl } = requireGenesys(config);
  // The bridge reads it for each token, because a secret in a file may change.
  const credentials = {
    clientId,
    get clientSecret() {
      return clientSecret.reveal();
    },
  };
  return { credentials, urls: { loginUrl, apiUrl } };
}

function summaryText({ events, skipped, invalid }: IntakeCounts): string {
  const lines = events + skipped + invalid;
  return (
    `${counted(lines, 'line')}: ${counted(events, 'event')}, ${skipped} skipped, ${invalid} invalid (in the dead letters); ` +
    'all acknowledged by Kafka'
  );
}
