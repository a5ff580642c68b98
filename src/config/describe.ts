import type { Config } from './groups';
import { originText } from './origin';
import { SETTING_KEYS, SETTINGS, type SettingKey } from './settings';

export interface DescribedSetting {
  readonly key: SettingKey;
  /** As people would write it; secrets are masked; null: not set. */
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

/** The values that the secrets have had so far, for those who look for them in what is about to be printed. */
export function secretValues(config: Config): readonly string[] {
  return SETTING_KEYS.flatMap((key) => {
    const { value } = config.settings[key];
    return typeof value === 'object' && value !== null && 'known' in value ? value.known() : [];
  });
}
