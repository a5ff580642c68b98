/** AWS region → the domain of the Genesys Cloud region in it. */
const DOMAIN_OF: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'us-east-1': 'mypurecloud.com',
    'us-east-2': 'use2.us-gov-pure.cloud',
    'us-west-2': 'usw2.pure.cloud',
    'ca-central-1': 'cac1.pure.cloud',
    'sa-east-1': 'sae1.pure.cloud',
    'mx-central-1': 'mxc1.pure.cloud',
    'eu-west-1': 'mypurecloud.ie',
    'eu-west-2': 'euw2.pure.cloud',
    'eu-central-1': 'mypurecloud.de',
    'eu-central-2': 'euc2.pure.cloud',
    'eusc-de-east-1': 'edee1.eusc-pure.cloud',
    'me-central-1': 'mec1.pure.cloud',
    'ap-south-1': 'aps1.pure.cloud',
    'ap-southeast-1': 'apse1.pure.cloud',
    'ap-southeast-2': 'mypurecloud.com.au',
    'ap-northeast-1': 'mypurecloud.jp',
    'ap-northeast-2': 'apne2.pure.cloud',
    'ap-northeast-3': 'apne3.pure.cloud',
  }),
);

export const GENESYS_DOMAINS: readonly string[] = [...DOMAIN_OF.values()];
export const GENESYS_AWS_REGIONS: readonly string[] = [...DOMAIN_OF.keys()];

/** Genesys opens regions without notice, so an unlisted domain of the usual shape is accepted. */
const REGION_SHAPE = /^[a-z0-9]+\.([a-z]+-)*pure\.cloud$/;

/** The domain of a region, in lower case, from its domain or AWS name; null: neither. */
export function genesysDomain(region: string): string | null {
  const given = region.toLowerCase();
  const known = DOMAIN_OF.get(given);
  if (known !== undefined) return known;
  return GENESYS_DOMAINS.includes(given) || REGION_SHAPE.test(given) ? given : null;
}
