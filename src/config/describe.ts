import type { Config } from './groups';
import { originText } from './origin';
import { SETTING_KEYS, SETTINGS, type SettingKey } from './settings';

export interface DescribedSetting {
  readonly key: SettingKey;
  /** The value as people write it, with secrets masked; null: not set. */
  readonly value: string | null;
  readonly origin: string;
  readonly help: string;
}

export function describeConfig(config: Config): readonly DescribedSetting[] {
  return SETTING_KEYS.map((key) => {
    const { raw, origin } = config.settings[key];
    const text = raw === undefined ? null : typeof raw === 'string' ? raw : raw.join(',');
    return { key, value: text, origin: originText(origin), help: SETTINGS[key].help };
  });
}

/** All values that the secrets have had so far, for code that searches output for secrets. */
export function secretValues(config: Config): readonly string[] {
  return SETTING_KEYS.flatMap((key) => {
    const { value } = config.settings[key];
    return typeof value === 'object' && value !== null && 'known' in value ? value.known() : [];
  });
}
