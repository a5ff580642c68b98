import { Command, Option } from 'commander';
import type { AclRole } from '../log';
import type { BridgeFlags } from './bridge';
import type { Context, GlobalOptions } from './context';
import type { DoctorFlags } from './doctor';
import type { EraseFlags } from './erase';
import type { BoardFlags } from './live-board';
import type { QueryFlags } from './query';
import type { RecordFlags } from './record';
import type { ReplayFlags } from './replay';
import type { SetupFlags } from './setup';
import { addSimulationFlags, START_SIMULATION, type SimulationFlags } from './simulation-flags';
import type { StartFlags } from './start';
import { packageVersion } from './version';

/** How a command runs. */
export interface CommandKind {
  /** Whether the command runs until it is stopped. A signal is then a success (0), otherwise 130 or 143. */
  readonly longRunning: boolean;
}

/** Returns the exit code. Nothing means 0. */
export type CommandBody = (context: Context) => Promise<number | undefined> | Promise<void>;
export type RunCommand = (kind: CommandKind, globals: GlobalOptions, body: CommandBody) => Promise<void>;

/**
 * Written out here, because their meaning (src/log/acls.ts) is loaded only when the command runs. A replay has names of
 * its own each time.
 */
const DOCTOR_ROLES = [
  'bridge',
  'fold',
  'sink',
  'board',
  'rebuild',
  'erase',
  'setup',
  'doctor',
] as const satisfies readonly AclRole[];

const ENDS: CommandKind = { longRunning: false };
const RUNS: CommandKind = { longRunning: true };

/** Adds commands whose bodies `start` runs. */
interface Commands {
  readonly command: (name: string, description: string, examples: readonly string[]) => Command;
  readonly start: (kind: CommandKind, body: CommandBody) => Promise<void>;
}

/**
 * The command line. An implementation is loaded when it runs, so that `--help` stays fast. (`.js`, because a dynamic
 * import is one of an ES module, even from CommonJS.)
 */
export function createProgram(run: RunCommand): Command {
  const program = new Command('queuefold')
    .description(
      'Keeps a live table of the conversations in the queues of Genesys Cloud, as a compacted Kafka topic and in ClickHouse.',
    )
    .version(packageVersion(), '-V, --version', 'prints the version')
    .helpOption('-h, --help', 'prints this help')
    .option(
      '--config <file>',
      'reads settings from this YAML file, as QUEUEFOLD_CONFIG does; environment variables win',
    )
    .option('--quiet', 'prints no progress, and logs only warnings and errors')
    .option('--debug', 'logs everything, and prints stacks of errors')
    .helpCommand('help [command]', 'prints the help of a command')
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .configureOutput({
      outputError: (message, write) => write(message.replace(/^error: /, 'queuefold: ')),
    })
    .showSuggestionAfterError()
    .exitOverride();
  const commands: Commands = {
    command: (name, description, examples) =>
      program
        .command(name)
        .description(description)
        .allowExcessArguments(false)
        .showHelpAfterError(`Run \`queuefold ${name.split(' ')[0] ?? name} --help\` to see what is allowed.`)
        .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}\n`).join('')}`),
    start: (kind, body) => run(kind, program.opts<GlobalOptions>(), body),
  };
  addRoles(commands);
  addBoard(commands);
  addUpkeep(commands);
  addLooks(commands);
  addRecordings(commands);
  addSimulate(commands);
  addQuery(commands);
  return program.showHelpAfterError('Run `queuefold --help` to see what is allowed.');
}

function addRoles({ command, start }: Commands): void {
  addSimulationFlags(
    command(
      'start',
      'runs everything on one machine: Kafka, ClickHouse, all roles, and a simulated organization, or yours if GENESYS_CLIENT_ID is set',
      [
        'queuefold start',
        'queuefold start --log memory --rate 10 --agents 300',
        'DATA_DIR=.queuefold-own GENESYS_REGION=mypurecloud.ie GENESYS_CLIENT_ID=… GENESYS_CLIENT_SECRET_FILE=secret queuefold start',
      ],
    ).addOption(
      new Option(
        '--log <log>',
        'kafka: KAFKA_BROKERS if it is set, otherwise Kafka in a container, otherwise in Java; memory: no Kafka, and an ' +
          'empty log at each start',
      )
        .choices(['kafka', 'memory'])
        .default('kafka'),
    ),
    START_SIMULATION,
  ).action((flags: StartFlags) =>
    start(RUNS, async (context) => (await import('./start.js')).runStart(context, flags)),
  );

  command('bridge', 'writes events from Genesys, from POST /events and from files to the events topic', [
    'queuefold bridge --config queuefold.yaml',
    'queuefold bridge --events eventbridge.ndjson.gz',
    'EVENTS_SECRET_FILE=secret queuefold bridge',
  ])
    .option(
      '--events <file...>',
      'reads events from files in any format that replay reads, such as EventBridge events; - is stdin. If neither ' +
        'GENESYS_CLIENT_ID nor EVENTS_SECRET is set, the bridge ends when Kafka has acknowledged all events',
    )
    .action((flags: BridgeFlags) =>
      start(RUNS, async (context) => (await import('./bridge.js')).runBridge(context, flags)),
    );

  const roles = [
    ['fold', 'turns events into rows of the state topic and into visits, exactly once'],
    ['sink', 'writes rows and visits from their topics to ClickHouse'],
  ] as const;
  for (const [role, description] of roles) {
    command(role, description, [`queuefold ${role} --config queuefold.yaml`]).action(() =>
      start(RUNS, async (context) => (await import('./role.js')).runRole(context, role)),
    );
  }
}

function addBoard({ command, start }: Commands): void {
  command('board', 'serves the live board, a web page of the queues; shows the past if CLICKHOUSE_URL is set', [
    'queuefold board',
    'BOARD_PASSWORD_FILE=password queuefold board --host 0.0.0.0 --time-zone Europe/Berlin',
  ])
    .option(
      '--host <address>',
      'the address to listen on; beyond 127.0.0.1 the board needs BOARD_PASSWORD or --proxy-header',
      '127.0.0.1',
    )
    .option('--port <n>', 'the port to listen on; 0 is a free one', '8090')
    .option('--target-seconds <n>', 'the service level counts callers who were answered within this many seconds', '20')
    .option(
      '--short-abandon-seconds <n>',
      'the service level leaves out callers who gave up in less than this many seconds',
      '5',
    )
    .option(
      '--time-zone <name>',
      'the time zone in which a day begins, such as Europe/Berlin; without it, that of this machine',
    )
    .option(
      '--proxy-header <name>',
      'lets in every request with this header, which your proxy sets after it has authenticated somebody',
    )
    .action((flags: BoardFlags) =>
      start(RUNS, async (context) => (await import('./live-board.js')).runBoard(context, flags)),
    );
}

function addUpkeep({ command, start }: Commands): void {
  command('setup', 'creates or updates topics, schemas and tables, and prints what it changed', [
    'queuefold setup --dry-run',
    'queuefold setup',
  ])
    .option('--dry-run', 'prints what would change, and changes nothing')
    .option('--allow-data-loss', 'allows setup to delete old versions when HISTORY_RETENTION became shorter')
    .option(
      '--adopt',
      'for a lost topic that stops the fold: rebuilds the state of the fold from the topics that are left',
    )
    .action((flags: SetupFlags) =>
      start(ENDS, async (context) => (await import('./setup.js')).runSetup(context, flags)),
    );

  command('rebuild', 'fills new or emptied tables from the topics, then compares the rows with the state topic', [
    'queuefold rebuild',
    'queuefold rebuild | jq .differences',
  ]).action(() => start(ENDS, async (context) => (await import('./rebuild.js')).runRebuild(context)));

  command('erase', 'finds a conversation or an address in topics and tables; with --yes also erases it', [
    'queuefold erase --conversation 0c1f… --conversation 77ab…',
    'queuefold erase --address +13175550100',
    'queuefold erase --address +13175550100 --yes',
  ])
    .option('--conversation <id...>', 'names conversations by their ids')
    .option(
      '--address <address>',
      'names all conversations with this address, masked or plain. Write a phone number with its + and country code, in ' +
        'any punctuation, and any other address as it is stored',
    )
    .option('--yes', 'erases what it finds; without it the command only shows it')
    .action((flags: EraseFlags) =>
      start(ENDS, async (context) => (await import('./erase.js')).runErase(context, flags)),
    );
}

function addLooks({ command, start }: Commands): void {
  command('doctor', 'checks settings, reachability, versions and permissions, and says what to do', [
    'queuefold doctor',
    'queuefold doctor --role fold',
    'queuefold doctor --json | jq \'.checks[] | select(.outcome != "ok")\'',
  ])
    .option('--json', 'prints one JSON document')
    .addOption(
      new Option('--role <role>', 'checks only what this role needs, such as its permissions at Kafka').choices(
        DOCTOR_ROLES,
      ),
    )
    .action((flags: DoctorFlags) =>
      start(ENDS, async (context) => (await import('./doctor.js')).runDoctor(context, flags)),
    );

  command('config', 'prints every setting in force and where it came from; secrets are masked', [
    'queuefold config',
    'queuefold config --config queuefold.yaml --json | jq -r .key',
  ])
    .option('--json', 'prints one JSON object a line')
    .action((options: { json?: true }) =>
      start(ENDS, async (context) => (await import('./config.js')).runConfig(context, options)),
    );
}

function addRecordings({ command, start }: Commands): void {
  command('replay', 'computes rows and visits from recordings, and prints them', [
    'queuefold replay recording.ndjson',
    'zcat recording.ndjson.gz | queuefold replay - --print records | jq .key',
  ])
    .argument('<file...>', 'recordings; - is stdin; replay unpacks .gz and .zst')
    .addOption(
      new Option(
        '--log <log>',
        'memory: no Kafka; embedded: a Kafka that replay starts and stops; kafka: new topics on KAFKA_BROKERS',
      )
        .choices(['memory', 'embedded', 'kafka'])
        .default('memory'),
    )
    .addOption(
      new Option(
        '--store <store>',
        'none: no tables; embedded: a ClickHouse in this process; clickhouse: a new database on CLICKHOUSE_URL',
      )
        .choices(['none', 'embedded', 'clickhouse'])
        .default('none'),
    )
    .addOption(
      new Option('--print <what>', 'what to print on stdout')
        .choices(['rows', 'records', 'visits', 'none'])
        .default('rows'),
    )
    .option('--strict', 'ends with exit code 1 if a line was invalid')
    .option('--speed <n>', 'replays this many times as fast as the events arrived; without it as fast as possible')
    .option('--now <time>', 'sets the receive time of events that have none (ISO-8601)')
    .option('--prefix <prefix>', 'the prefix of the topics to write; without it, a new one')
    .option('--database <database>', 'the ClickHouse database to write; without it, a new one')
    .option('--keep', 'keeps topics and tables at the end')
    .action((files: string[], flags: ReplayFlags) =>
      start(ENDS, async (context) => (await import('./replay.js')).runReplay(context, files, flags)),
    );

  command('record', 'writes the notifications of Genesys into files that replay reads; needs no Kafka', [
    'queuefold record --out recordings --rotate-minutes 60 --gzip',
    'queuefold record --out calls.ndjson',
    'queuefold record --out - | queuefold replay - --print records',
  ])
    .option('--out <path>', 'writes into this directory, or into a new file; - is stdout', 'recordings')
    .option(
      '--rotate-bytes <size>',
      'starts a new file before one exceeds this size, counted before compression, such as 100MiB',
    )
    .option('--rotate-minutes <n>', 'starts a new file after this many minutes')
    .option('--gzip', 'compresses the files; a name that ends in .gz does so too')
    .option('--raw', 'writes all that Genesys sends, INCLUDING PERSONAL DATA; without it, only what Kafka would get')
    .action((flags: RecordFlags) =>
      start(RUNS, async (context) => (await import('./record.js')).runRecord(context, flags)),
    );
}

function addSimulate({ command, start }: Commands): void {
  addSimulationFlags(
    command('simulate', 'runs a simulated Genesys Cloud organization alone: OAuth, REST and websocket', [
      'queuefold simulate --sim-port 9480 --rate 5',
      'GENESYS_LOGIN_URL=http://127.0.0.1:9480 GENESYS_API_URL=http://127.0.0.1:9480 … queuefold bridge',
      'curl http://127.0.0.1:9480/truth',
    ]),
  ).action((flags: SimulationFlags) =>
    start(RUNS, async (context) => (await import('./simulate.js')).runSimulate(context, flags)),
  );
}

function addQuery({ command, start }: Commands): void {
  command('query', 'runs SQL on CLICKHOUSE_URL, or on the ClickHouse of start; without SQL prints the current rows', [
    'queuefold query --watch',
    "queuefold query 'SELECT * FROM queue_live' --format ndjson",
    "queuefold query 'SELECT * FROM queue_conversation WHERE queue_id = {q:String}' --param_q=…",
  ])
    .argument('[sql]', 'a statement; - is stdin')
    .argument('[parameters...]', '--param_NAME=VALUE for {NAME:Type} in the statement')
    .option(
      '--format <format>',
      'the format of the output: table, json, ndjson, csv, or any format of ClickHouse',
      'table',
    )
    .option('--watch', 'refreshes each second and marks changed cells')
    .option('--write', 'allows statements that change data')
    .allowUnknownOption()
    .action((first: string | undefined, others: string[], flags: QueryFlags) => {
      const words = first === undefined ? others : [first, ...others];
      return start(ENDS, async (context) => (await import('./query.js')).runQuery(context, words, flags));
    });
}
