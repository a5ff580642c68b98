/** "queuefold " 40,000 times, from the reference implementation (1.5), because Node 20 cannot make it. Base64. */
export const ZSTD_OF_QUEUEFOLD = {
  'with its size': 'KLUv/aCAGgYAlAAAUHF1ZXVlZm9sZCABAPP/zQsSTAAACGUBAPz/ORACTAAACGUBAPz/ORACRQAACG8BAHzaAyE=',
  'without its size, as a stream has':
    'KLUv/QBYlAAAUHF1ZXVlZm9sZCABAPP/zQsSTAAACGUBAPz/ORACTAAACGUBAPz/ORACRAAACG8BAHzaAyEBAAA=',
} as const;
