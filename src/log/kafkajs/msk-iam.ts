import { type Age, createAge, messageOf, OperatorError, UsageError } from '../../common';

/** The part of aws-msk-iam-sasl-signer-js that is used here. */
interface Signer {
  generateAuthToken(options: {
    readonly region: string;
  }): Promise<{ readonly token: string; readonly expiryTime: number }>;
}

const PACKAGE = 'aws-msk-iam-sasl-signer-js';
/** A signed token lives for 15 minutes, and kafkajs asks for a token for each connection. */
const RENEW_BEFORE_MS = 60_000;

/**
 * Tokens for SASL OAUTHBEARER at Amazon MSK. AWS's SDK finds the credentials that sign them: environment, shared files,
 * web identity (EKS), container (ECS) or instance role. This process signs the token, without a request to AWS. Rejects
 * with UsageError if the package is not installed, and with OperatorError if there are no credentials.
 */
export function createMskTokenProvider(
  region: string,
  load: (name: string) => Promise<unknown> = (name) => import(name),
): () => Promise<{ readonly value: string }> {
  let current: { readonly value: string; readonly age: Age; readonly renewAfterMs: number } | null = null;
  return async () => {
    if (current !== null && current.age() < current.renewAfterMs) return { value: current.value };
    const signer = await loadSigner(load);
    try {
      const { token, expiryTime } = await signer.generateAuthToken({ region });
      current = { value: token, age: createAge(), renewAfterMs: expiryTime - Date.now() - RENEW_BEFORE_MS };
      return { value: token };
    } catch (error) {
      throw new OperatorError(
        `KAFKA_SASL_MECHANISM: queuefold gets no token for AWS_MSK_IAM in ${region} (${messageOf(error)}). Has this process ` +
          'credentials of AWS (a role of the pod, task or instance, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)?',
        { cause: error },
      );
    }
  };
}

/** Loaded only if needed, because it loads AWS's SDK; and optional, so that an installation may leave it out. */
async function loadSigner(load: (name: string) => Promise<unknown>): Promise<Signer> {
  try {
    return (await load(PACKAGE)) as Signer;
  } catch (error) {
    throw new UsageError(
      `KAFKA_SASL_MECHANISM: aws_msk_iam needs the package ${PACKAGE} (${messageOf(error).split('\n', 1)[0] ?? ''}). ` +
        `This installation left out that optional dependency. Install it beside queuefold: npm install ${PACKAGE}`,
      { cause: error },
    );
  }
}
