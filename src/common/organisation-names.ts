/** The kinds of things that have a name at Genesys, and of which the table has ids. */
export const NAME_KINDS = ['queue', 'user', 'skill'] as const;

export type NameKind = (typeof NAME_KINDS)[number];

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** A record of the names topic. */
export interface Name extends Named {
  /** A later version may know more than NAME_KINDS. */
  readonly kind: string;
  /** Since when Genesys no longer lists it, epoch ms; null: it does. */
  readonly goneSince: number | null;
}

/** The key of the record. */
export function nameKey({ kind, id }: Pick<Name, 'kind' | 'id'>): string {
  return `${kind}:${id}`;
}

/** Null: the key is not the key of a name. */
export function readNameKey(key: string): Pick<Name, 'kind' | 'id'> | null {
  const [, kind, id] = /^([^:]+):([^]+)$/.exec(key) ?? [];
  return kind === undefined || id === undefined ? null : { kind, id };
}
