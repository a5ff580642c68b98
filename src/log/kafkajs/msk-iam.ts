import { messageOf, OperatorError, UsageError } from '../../common';

/** Of aws-msk-iam-sasl-signer-js. */
interface Signer {
  generateAuthToken(options: {
    readonly region: string;
  }): Promise<{ readonly token: string; readonly expiryTime: number }>;
}

const PACKAGE = 'aws-msk-iam-sasl-signer-js';
/** A signed token lives for 15 minutes; kafkajs asks for one for each connection. */
const RENEW_BEFORE_MS = 60_000;

/**
 * Tokens for SASL OAUTHBEARER at Amazon MSK. AWS's SDK finds the credentials that sign them: environment, shared files, web
 * identity (EKS), container (ECS) or instance role. The token is signed here: AWS is not asked for it.
 * Rejects with UsageError where the package is not installed, OperatorError where there are no credentials.
 */
export function createMskTokenProvider(
  region: string,
  load: (name: string) => Promise<unknown> = (name) => import(name),
): () => Promise<{ readonly value: string }> {
  let current: { readonly value: string; readonly renewAt: number } | null = null;
  return async () => {
    if (current !== null && Date.now() < current.renewAt) return { value: current.value };
    const signer = await loadSigner(load);
    try {
      const { token, expiryTime } = await signer.generateAuthToken({ region });
      current = { value: token, renewAt: expiryTime - RENEW_BEFORE_MS };
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

/** Loaded where it is needed, for it brings AWS's SDK with it; and optional, so that an installation may leave it out. */
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
