import type { Config } from '../config';
import { DEFAULT_LIMITS, type FoldChoices, type Limits, type PrivacyMask } from '../conversation';

/** Translates the configuration into the options of other modules. */

export function limitsOf({ limits }: Config): Limits {
  return { ...DEFAULT_LIMITS, bytes: limits.snapshotBytes };
}

export function foldSettingsOf(config: Config): FoldChoices {
  return { ...config.fold, limits: limitsOf(config) };
}

export function maskOf({ privacy }: Config): PrivacyMask | null {
  return privacy === undefined ? null : { columns: new Set(privacy.mask), key: privacy.key.reveal() };
}
