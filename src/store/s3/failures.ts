import { Failure, type FailureCode, type Where } from '../../failure/failure.ts';

/** The place that a request concerns. */
export interface Asked {
  readonly bucket: string;
  /** URL of the store; undefined for Amazon's own. */
  readonly endpoint: string | undefined;
  readonly where: Where;
}

interface Explained {
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
}

/**
 * Turns an error of the library into a failure.
 *
 * @returns the error itself if it is a failure already, an interruption, or a defect
 */
export function storeFailure(error: unknown, asked: Asked): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error;
  const explained = explanationOf(error, asked);
  if (explained === undefined) return error;
  const { code, message, hint } = explained;
  return new Failure(code, `${asked.where.archive}: ${message}`, { hint, where: asked.where });
}

function explanationOf(error: Error, asked: Asked): Explained | undefined {
  const { name } = error;
  const { $metadata: metadata, code = '' } = error as Partial<ServiceError> & Error;
  if (name === 'AbortError') return undefined;
  const known = byName(asked)[name];
  if (known !== undefined) return known;
  if (/Credentials|Token.*Provider|SSO/.test(name)) return noCredentials;
  if (error.message === 'Region is missing') return noRegion;
  const status = metadata?.httpStatusCode;
  if (status !== undefined) return byStatus(status, name, asked);
  if (NETWORK.test(code) || NETWORK.test(name)) return unreachable(asked, code || name);
  return undefined;
}

interface ServiceError {
  readonly $metadata: { readonly httpStatusCode?: number };
  readonly code: string;
}

const NETWORK =
  /^(E[A-Z]+|ERR_(SSL|TLS|SOCKET|STREAM|INVALID_PROTOCOL|HTTP)_.*|TimeoutError|.*CERT.*|.*SIGNED.*|UNABLE_TO_.*)$/;

const noCredentials: Explained = {
  code: 'access-denied',
  message: 'no credentials for the object store',
  hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
};

const noRegion: Explained = {
  code: 'usage',
  message: 'no region is set',
  hint: 'set AWS_REGION, or AWS_ENDPOINT_URL_S3 for a store other than Amazon’s',
};

const wrongCredentials: Explained = {
  code: 'access-denied',
  message: 'the object store does not take these credentials',
  hint: 'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in AWS_PROFILE',
};

const expired: Explained = {
  code: 'access-denied',
  message: 'the credentials have expired',
  hint: 'get new ones, then run the same command again: it goes on from here',
};

const clockOff: Explained = {
  code: 'access-denied',
  message: 'the clock of this machine differs from that of the object store',
  hint: 'set the clock, for example with timedatectl set-ntp true',
};

const cold: Explained = {
  code: 'cold-storage',
  message: 'an object lies in cold storage',
  hint: 'restore it first, which takes hours: aws s3api restore-object',
};

const full: Explained = {
  code: 'no-space',
  message: 'the object store has no space left, or its quota is used up',
  hint: 'free some space there, then run the same command again',
};

function byName({ bucket, where }: Asked): Readonly<Record<string, Explained>> {
  const elsewhere: Explained = {
    code: 'usage',
    message: `bucket ${bucket} is in another region`,
    hint: 'set AWS_REGION to its region',
  };
  const gone: Explained = {
    code: 'read-failed',
    message: `${where.file ?? 'an object'} is not there`,
    hint: 'look for the file in another copy of the archive',
  };
  return {
    InvalidAccessKeyId: wrongCredentials,
    SignatureDoesNotMatch: wrongCredentials,
    InvalidToken: wrongCredentials,
    InvalidClientTokenId: wrongCredentials,
    ExpiredToken: expired,
    ExpiredTokenException: expired,
    TokenRefreshRequired: expired,
    RequestTimeTooSkewed: clockOff,
    RequestExpired: clockOff,
    InvalidObjectState: cold,
    QuotaExceeded: full,
    InsufficientCapacity: full,
    InsufficientStorage: full,
    PermanentRedirect: elsewhere,
    AuthorizationHeaderMalformed: elsewhere,
    IllegalLocationConstraintException: elsewhere,
    NoSuchKey: gone,
    NotFound: gone,
    NoSuchBucket: {
      code: 'archive-unfit',
      message: `there is no bucket ${bucket}`,
      hint: `check its name and AWS_ENDPOINT_URL_S3; or make it: aws s3 mb s3://${bucket}`,
    },
    InvalidBucketName: {
      code: 'usage',
      message: `${bucket} is no name of a bucket`,
      hint: 'check the name',
    },
    InvalidStorageClass: {
      code: 'usage',
      message: 'the object store has no such storage class',
      hint: 'give another --storage-class, or none',
    },
  };
}

function byStatus(status: number, name: string, asked: Asked): Explained {
  if (status === 401 || status === 403) {
    return {
      code: 'access-denied',
      message: 'the object store does not permit this',
      hint: `the credentials need to list, read, write and delete objects in bucket ${asked.bucket}`,
    };
  }
  if (status === 404) return byName(asked).NotFound as Explained;
  if (status === 507) return full;
  return {
    code: 'storage-failed',
    message: `the object store answers ${status} ${name}`,
    hint: 'nothing is lost; run the same command again later, and it goes on from here',
  };
}

function unreachable({ endpoint = 'Amazon S3' }: Asked, code: string): Explained {
  return {
    code: 'storage-failed',
    message: `cannot reach ${endpoint}: ${code}`,
    hint: 'check the network and AWS_ENDPOINT_URL_S3; the same command goes on from here',
  };
}
