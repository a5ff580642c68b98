/** Where an organisation is found. */
export interface GenesysUrls {
  /** The OAuth service, e.g. `https://login.mypurecloud.ie`. */
  readonly loginUrl: string;
  /** The public API, e.g. `https://api.mypurecloud.ie`. */
  readonly apiUrl: string;
}

/**
 * The services of a region.
 * @param domain the region's domain as the configuration has checked it (`GENESYS_REGION`), e.g. `euw2.pure.cloud`
 */
export function urlsOfRegion(domain: string): GenesysUrls {
  return { loginUrl: `https://login.${domain}`, apiUrl: `https://api.${domain}` };
}
