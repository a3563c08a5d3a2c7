import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import { cannotMount, withDirectory } from '../filesystem.ts';
import { accessKey, type RunningServer, secretKey, startSwift, swiftPrograms } from './swift.ts';

/** A real object store for tests. */
export interface ObjectStore {
  readonly endpoint: string;
  /** The variables of the environment that a client needs. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes an empty bucket, by default with a name of its own, and gives its location. */
  bucket(name?: string): Promise<string>;
}

/** The reason why no object store can be started here; undefined if one can. */
export const cannotStart: string | undefined = cannotMount ?? missingProgram();

function missingProgram(): string | undefined {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const missing = swiftPrograms.find((program) => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { env: { PATH: path }, stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  return missing === undefined ? undefined : `${missing} is not installed`;
}

/**
 * A `describe` for tests on a real object store, which is started for them: skipped, with the reason
 * in its name, where none can be started; with CI=true that is an error instead.
 */
export function describeObjectStore(name: string, tests: (store: () => ObjectStore) => void): void {
  if (cannotStart !== undefined && process.env.CI !== 'true') {
    describe.skip(`${name} (${cannotStart})`, () => tests(() => undefined as never));
    return;
  }
  describe(name, () => {
    let store: ObjectStore;
    let server: RunningServer;
    let directory: string;
    beforeAll(async () => {
      directory = withDirectory();
      server = await startSwift(directory);
      store = storeOn(server.endpoint);
    });
    afterAll(async () => {
      await server?.stop();
      rmSync(directory, { recursive: true, force: true });
    });
    tests(() => store);
  });
}

/** The store that answers at this URL, which may be a proxy of the server. */
export function storeOn(endpoint: string): ObjectStore {
  const env = {
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: endpoint,
  };
  let buckets = 0;
  return {
    endpoint,
    env,
    async bucket(name = `ferry-${process.pid}-${buckets++}`) {
      // The library prints a warning about Node.js 20 unless the environment says otherwise.
      process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
      const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
      const client = new S3Client({
        endpoint,
        region: env.AWS_REGION,
        forcePathStyle: true,
        credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
        requestChecksumCalculation: 'WHEN_REQUIRED',
      });
      await client.send(new CreateBucketCommand({ Bucket: name }));
      return `s3://${name}`;
    },
  };
}
