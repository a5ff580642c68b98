import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../../src/common';

export interface ClickHouseProcess {
  readonly url: string;
  readonly pid: number;
  /** Like `kill -9` or a power cut. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Runs this checkout's TypeScript without a build. */
const WITH_TYPESCRIPT = `
  const { transformFileSync } = require('@swc/core');
  const jsc = { parser: { syntax: 'typescript' }, target: 'es2023' };
  require.extensions['.ts'] = (module, filename) =>
    module._compile(transformFileSync(filename, { jsc, module: { type: 'commonjs' }, swcrc: false }).code, filename);
  require(process.argv[1]);
`;

/** Creates a user with these rights only. Answers the path of the server's configuration. */
async function configuration(dataDir: string, grants: readonly string[]): Promise<string> {
  await mkdir(join(dataDir, 'clickhouse'), { recursive: true });
  const [config, users] = [join(dataDir, 'config.xml'), join(dataDir, 'users.xml')];
  // Every statement of the engine begins in the database `default`.
  const queries = [...grants, 'GRANT SHOW DATABASES ON default.*'].map((grant) => `<query>${grant}</query>`).join('');
  await writeFile(config, `<clickhouse><users_config>${users}</users_config></clickhouse>`);
  await writeFile(
    users,
    '<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password></password>' +
      '<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>' +
      `<grants>${queries}</grants></default></users></clickhouse>`,
  );
  return config;
}

/**
 * The embedded engine behind HTTP, in a process of its own. Rejects with the process's message if it cannot open the
 * folder. @param grants the user's rights; null: all
 */
export async function clickHouseProcess(
  dataDir: string,
  mode: 'read-only' | 'read-write' = 'read-write',
  port = 0,
  grants: readonly string[] | null = null,
): Promise<ClickHouseProcess> {
  const config = grants === null ? '' : await configuration(dataDir, grants);
  const child = spawn(
    process.execPath,
    ['-e', WITH_TYPESCRIPT, join(__dirname, 'clickhouse-host.ts'), dataDir, mode, String(port), config],
    { stdio: ['pipe', 'pipe', 'inherit'], cwd: packageRoot() },
  );
  const gone = once(child, 'exit');
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    gone.then(() => ['{"error":"ended without a word"}']),
  ])) as [string];
  const said = JSON.parse(line) as { url: string } | { error: string };
  if ('error' in said) throw new Error(said.error);
  return {
    url: said.url,
    pid: child.pid ?? 0,
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
    stop: async () => {
      child.stdin.end();
      await gone;
    },
  };
}
