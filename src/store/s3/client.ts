import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';

/** The library, which is imported only when an object store is used. */
export type Sdk = typeof import('@aws-sdk/client-s3');

export interface Connection {
  readonly sdk: Sdk;
  readonly client: S3Client;
  /** URL of the store; undefined for Amazon's own. */
  readonly endpoint: string | undefined;
}

/** Region for stores that have only one, and ask for none. */
const ANY_REGION = 'us-east-1';

/**
 * Settings that stores other than Amazon's accept. They refuse, or silently ignore, the checksums
 * that the library adds by default. The signature of each request holds the SHA-256 of its body,
 * which every store checks.
 */
const settings: S3ClientConfig = {
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
  // Five attempts at a request, with growing pauses: about ten seconds.
  maxAttempts: 5,
  requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
};

/**
 * Prepares requests to an object store. Takes credentials, region and endpoint from where other
 * programs for Amazon's S3 take them: environment, profiles, and the machine's role.
 */
export async function connect(): Promise<Connection> {
  // The library prints a warning about Node.js 20.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const plain = new sdk.S3Client(settings);
  const endpoint = await plain.config.serviceConfiguredEndpoint?.();
  if (endpoint === undefined) return { sdk, client: plain, endpoint };
  const region = await plain.config.region().catch(() => ANY_REGION);
  const client = new sdk.S3Client({ ...settings, region, forcePathStyle: true });
  return { sdk, client, endpoint };
}
