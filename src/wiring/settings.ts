import type { Config } from '../config';
import type { FoldChoices, InputLimits, Limits, PrivacyMask } from '../conversation';

/** The configuration in the words of the modules that it is for. */

export function limitsOf({ limits }: Config): Limits {
  return {
    participants: limits.participants,
    communications: limits.communications,
    bytes: limits.snapshotBytes,
  };
}

export function inputLimitsOf({ limits }: Config): InputLimits {
  return { bytes: limits.frameBytes, depth: limits.frameDepth, textBytes: limits.textBytes };
}

export function foldSettingsOf(config: Config): FoldChoices {
  return { ...config.fold, limits: limitsOf(config) };
}

export function maskOf({ privacy }: Config): PrivacyMask | null {
  return privacy === undefined ? null : { columns: new Set(privacy.mask), key: privacy.key.reveal() };
}
