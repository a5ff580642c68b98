import type { Fault } from './fault';
import { LIST_FAULTS } from './lists';
import { NOTIFICATION_FAULTS } from './notifications';
import { ORGANISATION_FAULTS } from './organisation';
import { REQUEST_FAULTS } from './requests';
import { SOCKET_FAULTS } from './sockets';

/** All faults. */
export const FAULTS = {
  ...SOCKET_FAULTS,
  ...NOTIFICATION_FAULTS,
  ...REQUEST_FAULTS,
  ...LIST_FAULTS,
  ...ORGANISATION_FAULTS,
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

export const isFaultKind = (kind: string): kind is FaultKind => Object.hasOwn(FAULTS, kind);
