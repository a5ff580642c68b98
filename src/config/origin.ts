/** Where a value came from. */
export type Origin =
  | { readonly kind: 'default' }
  /** A command's own default, e.g. HTTP_HOST of `start`. */
  | { readonly kind: 'profile'; readonly profile: string }
  | { readonly kind: 'derived'; readonly from: string }
  | { readonly kind: 'config-file'; readonly path: string }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'secret-file'; readonly variable: string; readonly path: string };

export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'profile':
      return `default of ${origin.profile}`;
    case 'derived':
      return `from ${origin.from}`;
    case 'config-file':
      return `config file ${origin.path}`;
    case 'environment':
      return `environment ${origin.variable}`;
    case 'secret-file':
      return `file ${origin.path} (${origin.variable})`;
  }
}

/** True: somebody chose the value; false: it is a default. */
export function isChosen(origin: Origin): boolean {
  return origin.kind !== 'default' && origin.kind !== 'profile';
}
