import { Command, Option } from 'commander';
import type { AclRole } from '../log';
import type { BridgeFlags } from './bridge';
import type { Context } from './context';
import type { DoctorFlags } from './doctor';
import type { EraseFlags } from './erase';
import type { QueryFlags } from './query';
import type { RecordFlags } from './record';
import type { ReplayFlags } from './replay';
import type { SetupFlags } from './setup';
import { addSimulationFlags, START_SIMULATION, type SimulationFlags } from './simulation-flags';
import type { StartFlags } from './start';
import { packageVersion } from './version';

/** What a command is, for the part of the program that runs it. */
export interface CommandKind {
  /** Runs until it is told to stop: a signal is then a success (0), else 130 or 143. */
  readonly longRunning: boolean;
}

export interface GlobalOptions {
  readonly config?: string;
  readonly quiet?: true;
  readonly debug?: true;
}

/** Answers the exit code; nothing is 0. */
export type CommandBody = (context: Context) => Promise<number | undefined> | Promise<void>;
export type RunCommand = (kind: CommandKind, globals: GlobalOptions, body: CommandBody) => Promise<void>;

/** Written out here: their meaning (src/log/acls.ts) is loaded when the command runs. A replay has names of its own each time. */
const DOCTOR_ROLES = [
  'bridge',
  'fold',
  'sink',
  'rebuild',
  'erase',
  'setup',
  'doctor',
] as const satisfies readonly AclRole[];

const ENDS: CommandKind = { longRunning: false };
const RUNS: CommandKind = { longRunning: true };

/**
 * The command line. Implementations are loaded when they run, so that `--help` stays fast. (`.js`: a dynamic import
 * is one of an ES module, even from CommonJS.)
 */
export function createProgram(run: RunCommand): Command {
  const program = new Command('queuefold')
    .description('Genesys Cloud queue conversations as a compacted Kafka topic and a ClickHouse table, exactly once.')
    .version(packageVersion())
    .option('--config <file>', 'settings from a YAML file (also QUEUEFOLD_CONFIG); the environment wins')
    .option('--quiet', 'no progress, and only warnings and errors in the log')
    .option('--debug', 'log everything; stacks with errors')
    .helpCommand('help [command]', 'help for a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (message, write) => write(message.replace(/^error: /, 'queuefold: ')),
    })
    .showSuggestionAfterError()
    .exitOverride();

  const command = (name: string, description: string, examples: readonly string[]) =>
    program
      .command(name)
      .description(description)
      .allowExcessArguments(false)
      .showHelpAfterError(`Run "queuefold ${name.split(' ')[0] ?? name} --help" for what is allowed.`)
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}\n`).join('')}`);
  const start = (kind: CommandKind, body: CommandBody) => run(kind, program.opts<GlobalOptions>(), body);

  addSimulationFlags(
    command('start', 'everything on one machine: Kafka, ClickHouse, a simulated organization, and all roles', [
      'queuefold start',
      'queuefold start --log memory --rate 10 --agents 300',
      'GENESYS_REGION=mypurecloud.ie GENESYS_CLIENT_ID=… GENESYS_CLIENT_SECRET_FILE=secret queuefold start',
    ]).addOption(
      new Option('--log <log>', 'kafka: configured, container or embedded; memory: without Kafka and Java')
        .choices(['kafka', 'memory'])
        .default('kafka'),
    ),
    START_SIMULATION,
  ).action((flags: StartFlags) =>
    start(RUNS, async (context) => (await import('./start.js')).runStart(context, flags)),
  );

  command('bridge', 'Genesys’s notifications, and events of files and over HTTP, into the events topic', [
    'queuefold bridge --config queuefold.yaml',
    'queuefold bridge --events eventbridge.ndjson.gz',
    'EVENTS_SECRET_FILE=secret queuefold bridge',
  ])
    .option(
      '--events <file...>',
      'EventBridge events and every other line that replay reads; - is stdin. Without GENESYS_CLIENT_ID and ' +
        'EVENTS_SECRET it ends when Kafka has acknowledged all of them',
    )
    .action((flags: BridgeFlags) =>
      start(RUNS, async (context) => (await import('./bridge.js')).runBridge(context, flags)),
    );

  const roles = [
    ['fold', 'events into the compacted state topic, exactly once'],
    ['sink', 'the state topic into ClickHouse'],
  ] as const;
  for (const [role, description] of roles) {
    command(role, description, [`queuefold ${role} --config queuefold.yaml`]).action(() =>
      start(RUNS, async (context) => (await import('./role.js')).runRole(context, role)),
    );
  }

  command('setup', 'create topics, schemas and tables, or say what differs; idempotent', [
    'queuefold setup --dry-run',
    'queuefold setup',
  ])
    .option('--dry-run', 'look and tell, change nothing')
    .option('--allow-data-loss', 'a shorter HISTORY_RETENTION may delete versions that are there')
    .option('--adopt', 'after a loss that the fold refuses: make its state of what is left, and begin there')
    .action((flags: SetupFlags) =>
      start(ENDS, async (context) => (await import('./setup.js')).runSetup(context, flags)),
    );

  command('rebuild', 'fill new or emptied tables from the compacted state topic, and compare the two', [
    'queuefold rebuild',
    'queuefold rebuild | jq .differences',
  ]).action(() => start(ENDS, async (context) => (await import('./rebuild.js')).runRebuild(context)));

  command('erase', 'erase a conversation, or all with an address, from topics and tables; looks first, and tells', [
    'queuefold erase --conversation 0c1f… --conversation 77ab…',
    'queuefold erase --address +13175550100',
    'queuefold erase --address +13175550100 --yes',
  ])
    .option('--conversation <id...>', 'conversations, by id')
    .option('--address <address>', 'all conversations with this number or address, however it is written, also masked')
    .option('--yes', 'erase; else only look and tell')
    .action((flags: EraseFlags) =>
      start(ENDS, async (context) => (await import('./erase.js')).runErase(context, flags)),
    );

  command('doctor', 'check what is configured: reachability, versions, permissions, settings; what to do about it', [
    'queuefold doctor',
    'queuefold doctor --role fold',
    'queuefold doctor --json | jq \'.checks[] | select(.outcome != "ok")\'',
  ])
    .option('--json', 'one JSON document')
    .addOption(
      new Option(
        '--role <role>',
        'only what this one needs with these settings, its permissions at Kafka above all',
      ).choices(DOCTOR_ROLES),
    )
    .action((flags: DoctorFlags) =>
      start(ENDS, async (context) => (await import('./doctor.js')).runDoctor(context, flags)),
    );

  command('config', 'print the configuration in force, secrets masked, and where each value came from', [
    'queuefold config',
    'queuefold config --config queuefold.yaml --json | jq -r .key',
  ])
    .option('--json', 'one JSON object a line')
    .action((options: { json?: true }) =>
      start(ENDS, async (context) => (await import('./config.js')).runConfig(context, options)),
    );

  command('replay', 'fold recorded events and print what comes of them', [
    'queuefold replay recording.ndjson',
    'zcat recording.ndjson.gz | queuefold replay - --print records | jq .key',
  ])
    .argument('<file...>', 'recordings, one event a line; - is stdin; .gz and .zst are unpacked')
    .addOption(
      new Option('--log <log>', 'where to fold; embedded: a Kafka started for it; kafka: KAFKA_BROKERS')
        .choices(['memory', 'embedded', 'kafka'])
        .default('memory'),
    )
    .addOption(
      new Option('--store <store>', 'where the table goes; clickhouse: CLICKHOUSE_URL')
        .choices(['none', 'embedded', 'clickhouse'])
        .default('none'),
    )
    .addOption(new Option('--print <what>', 'on stdout').choices(['rows', 'records', 'visits', 'none']).default('rows'))
    .option('--strict', 'exit with 1 if a line was invalid')
    .option('--speed <n>', 'so many times as fast as it was received; else as fast as it goes')
    .option('--now <time>', 'the receive time of lines that carry none (ISO-8601)')
    .option('--prefix <prefix>', 'topics’ prefix instead of one of its own')
    .option('--database <database>', 'ClickHouse database instead of one of its own')
    .option('--keep', 'topics and tables are not removed at the end')
    .action((files: string[], flags: ReplayFlags) =>
      start(ENDS, async (context) => (await import('./replay.js')).runReplay(context, files, flags)),
    );

  command('record', 'write the notifications that Genesys sends as recordings, which replay reads; needs no Kafka', [
    'queuefold record --out recordings --rotate-minutes 60 --gzip',
    'queuefold record --out calls.ndjson',
    'queuefold record --out - | queuefold replay - --print records',
  ])
    .option('--out <path>', 'a directory, or a file that does not exist; - is stdout', 'recordings')
    .option('--rotate-bytes <size>', 'a new file before one has so many bytes (unpacked), such as 100MiB')
    .option('--rotate-minutes <n>', 'a new file after so many minutes')
    .option('--gzip', 'packed; also where the file’s name ends in .gz')
    .option('--raw', 'as Genesys sends it, PERSONAL DATA INCLUDED; else what Kafka would get')
    .action((flags: RecordFlags) =>
      start(RUNS, async (context) => (await import('./record.js')).runRecord(context, flags)),
    );

  addSimulationFlags(
    command('simulate', 'a simulated Genesys Cloud organization: OAuth, REST and websocket, for any client', [
      'queuefold simulate --sim-port 9480 --rate 5',
      'GENESYS_LOGIN_URL=http://127.0.0.1:9480 GENESYS_API_URL=http://127.0.0.1:9480 … queuefold bridge',
      'curl http://127.0.0.1:9480/truth',
    ]),
  ).action((flags: SimulationFlags) =>
    start(RUNS, async (context) => (await import('./simulate.js')).runSimulate(context, flags)),
  );

  command('query', 'run SQL against the ClickHouse in use, also the embedded one; without SQL the live table', [
    'queuefold query --watch',
    "queuefold query 'SELECT * FROM queue_live' --format ndjson",
    "queuefold query 'SELECT * FROM queue_conversation WHERE queue_id = {q:String}' --param_q=…",
  ])
    .argument('[sql]', 'a statement; - is stdin')
    .argument('[parameters...]', '--param_NAME=VALUE for {NAME:Type} in the statement')
    .option('--format <format>', 'table, json, ndjson, csv, or any format of ClickHouse', 'table')
    .option('--watch', 'refresh each second, changed cells marked')
    .option('--write', 'allow statements that change something')
    .allowUnknownOption()
    .action((first: string | undefined, others: string[], flags: QueryFlags) => {
      const words = first === undefined ? others : [first, ...others];
      return start(ENDS, async (context) => (await import('./query.js')).runQuery(context, words, flags));
    });

  return program.showHelpAfterError('Run "queuefold --help" for what is allowed.');
}
