import { UsageError } from '../common';
import { readConfigFile } from './file';
import { groupSettings, type Config } from './groups';
import { isChosen } from './origin';
import { resolveSettings, withFallbacks, type ParsedSettings, type ResolvedSettings } from './resolve';
import { crossProblems } from './rules';
import { FORMER_SETTINGS, type SettingKey } from './settings';

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The YAML file of `--config`; absent: `QUEUEFOLD_CONFIG`, else none. */
  readonly file?: string;
}

/** Reads and checks all settings. Its UsageError lists every problem and never shows a secret. */
export function loadConfig({ env, file }: ConfigSources): Config {
  const path = file ?? (env['QUEUEFOLD_CONFIG'] || undefined);
  const configFile = path === undefined ? null : readConfigFile(path);
  const problems = [...(configFile?.problems ?? []), ...formerSettings(env)];
  const settings = resolveSettings({ env, file: configFile }, problems);
  return finish(settings, problems);
}

function formerSettings(env: ConfigSources['env']): readonly string[] {
  return [...FORMER_SETTINGS].flatMap(([name, remedy]) =>
    env[name] ? [`${name}: no longer a setting (environment ${name}); ${remedy}`] : [],
  );
}

/**
 * The configuration with a command's own defaults, as people would write them. Values that somebody chose stay.
 * @param profile the command with these defaults, as `queuefold config` shows it, e.g. `start`
 */
export function withDefaults(
  config: Config,
  profile: string,
  defaults: Readonly<Partial<Record<SettingKey, string>>>,
): Config {
  const problems: string[] = [];
  return finish(withFallbacks(config.settings, defaults, { kind: 'profile', profile }, problems), problems);
}

/** True: somebody chose the value; false: it is a default. */
export function isSet(config: Config, key: SettingKey): boolean {
  return isChosen(config.settings[key].origin);
}

function finish(settings: ParsedSettings, problems: readonly string[]): Config {
  const all = [...problems, ...crossProblems(settings)];
  if (all.length === 1) throw new UsageError(all[0]);
  if (all.length > 1) {
    throw new UsageError([`${all.length} problems with the configuration:`, ...all].join('\n  '));
  }
  // If there is no problem, every setting has its value.
  return groupSettings(withGenesysUrls(settings as ResolvedSettings));
}

/** The region decides `GENESYS_LOGIN_URL` and `GENESYS_API_URL`. */
function withGenesysUrls(settings: ResolvedSettings): ResolvedSettings {
  const region = settings.GENESYS_REGION.value;
  if (region === undefined || settings.GENESYS_LOGIN_URL.value !== undefined) return settings;
  const derived = (url: string) =>
    ({ raw: url, value: url, origin: { kind: 'derived', from: 'GENESYS_REGION' } }) as const;
  return {
    ...settings,
    GENESYS_LOGIN_URL: derived(`https://login.${region}`),
    GENESYS_API_URL: derived(`https://api.${region}`),
  };
}
