import { DEFAULT_RECONCILIATION, type ReconciliationTimings } from '../../../src/genesys';

/** What a test of the soak may set, in the organisation's time. */
export type SoakTimings = Pick<ReconciliationTimings, 'compareEveryMs' | 'againAfterMs'>;

/** Digital conversations are asked for as soon as calls: 2 hours of silence would make every soak as long. */
export const SOAK_RECONCILIATION: ReconciliationTimings = {
  ...DEFAULT_RECONCILIATION,
  silentDigitalMs: DEFAULT_RECONCILIATION.silentVoiceMs,
};
