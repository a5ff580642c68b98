import { messageOf, tlsCodeOf } from '../common';

/**
 * The error code of ClickHouse; null for any other error (network, proxies). The embedded engine's errors are no
 * `instanceof ClickHouseError` of this package's client, so the code counts.
 */
export function codeOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  const code = Number(error.code);
  return Number.isSafeInteger(code) && code > 0 ? code : null;
}

export const UNKNOWN_TABLE = 60;
export const UNKNOWN_DATABASE = 81;
export const ACCESS_DENIED = 497;

/** UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED: another attempt would not help. */
const LOGIN_ERRORS: ReadonlySet<number> = new Set([192, 193, 194, 516]);

export function isRefusedLogin(error: unknown): boolean {
  return LOGIN_ERRORS.has(codeOf(error) ?? 0);
}

/**
 * The name of the error, for metrics: ClickHouse's name of its code (`UNKNOWN_TABLE`), or the kind of a network or TLS
 * error. The number of names is bounded.
 */
export function reasonOf(error: unknown): string {
  if (codeOf(error) === null) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
    return tlsCodeOf(error) ?? (typeof code === 'string' && /^E[A-Z_]+$/.test(code) ? code : 'NETWORK');
  }
  return typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string'
    ? error.type
    : `CODE_${codeOf(error) ?? 0}`;
}

/**
 * The errors that a row's data may cause. Bisecting finds the row. Any other error (network, memory, too many parts, a
 * missing table, a changed password) says nothing about a row, and the sink tries again until it works. The names are
 * those of ClickHouse's src/Common/ErrorCodes.cpp.
 */
const DATA_ERRORS: ReadonlySet<number> = new Set([
  6, // CANNOT_PARSE_TEXT
  25, // CANNOT_PARSE_ESCAPE_SEQUENCE
  26, // CANNOT_PARSE_QUOTED_STRING
  27, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  32, // ATTEMPT_TO_READ_AFTER_EOF
  33, // CANNOT_READ_ALL_DATA
  38, // CANNOT_PARSE_DATE
  41, // CANNOT_PARSE_DATETIME
  53, // TYPE_MISMATCH
  69, // ARGUMENT_OUT_OF_BOUND
  70, // CANNOT_CONVERT_TYPE
  72, // CANNOT_PARSE_NUMBER
  117, // INCORRECT_DATA
  131, // TOO_LARGE_STRING_SIZE
  349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
  407, // DECIMAL_OVERFLOW
  467, // CANNOT_PARSE_BOOL
  469, // VIOLATED_CONSTRAINT
]);

export function isDataError(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && DATA_ERRORS.has(code);
}

/** Why ClickHouse refused a row. It leaves out ClickHouse's words, which quote the row: it may be personal. */
export function describeRefusal(error: unknown): string {
  return `ClickHouse refuses the row with code ${codeOf(error) ?? 0} (${reasonOf(error)})`;
}

/** ClickHouse's own words in one line, with its code. */
export function describeStoreError(error: unknown): string {
  const code = codeOf(error);
  const message = messageOf(error).replace(/\s+/g, ' ').trim();
  return code === null ? message || reasonOf(error) : `Code: ${code}. ${message} (${reasonOf(error)})`;
}
