import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { storeOn } from '../objectstore/objectstore.ts';
import { type RunningServer, startSwift } from '../objectstore/swift.ts';
import type { Pair } from './comparison.ts';
import { btrferry, type Runtime } from './machine.ts';
import { shell } from './measure.ts';
import type { Scene } from './scene.ts';

/** The archive that the copies are made of. */
interface Original {
  readonly scene: Scene;
  readonly archive: (runtime: Runtime) => string;
  /** An archive that the plain tools copy. */
  readonly plain: string;
  readonly prepare: () => Promise<void>;
}

const atMost = { 'zstd-codec': 1.2, 'node:zlib': 1.2 };

/** Copies of an archive to another directory, a tar file and an object store. */
export function copyPairs({ scene, archive, plain, prepare }: Original) {
  const removed = (path: string) => () => rmSync(path, { recursive: true, force: true });
  const [copied, tar] = [join(scene.directory, 'copied'), join(scene.directory, 'copied.tar')];
  const check = 'cd "$2/streams"; for s in *; do (cd "$s"; sha256sum --quiet -c SHA256SUMS); done';
  const copy: Omit<Pair, 'name'> = {
    pipeline: 'cp -a a d; sync -f d; sha256sum -c',
    prepare,
    plain: {
      command: shell(`cp -a "$1" "$2"; sync -f "$2"; ${check}`, plain, copied),
      reset: removed(copied),
    },
    ours: (runtime) => ({
      command: btrferry(runtime, 'copy', archive(runtime), copied, '--create'),
      reset: removed(copied),
    }),
    atMost,
  };
  const intoTar: Omit<Pair, 'name'> = {
    pipeline: 'tar c a > f; sync f',
    prepare,
    plain: {
      command: shell('tar -C "$1" -c . > "$2"; sync "$2"', plain, tar),
      reset: removed(tar),
    },
    ours: (runtime) => ({
      command: btrferry(runtime, 'copy', archive(runtime), tar, '--create'),
      reset: removed(tar),
    }),
    atMost,
  };
  return { copy, 'copy-tar': intoTar, 'copy-s3': intoStore({ scene, archive, plain, prepare }) };
}

/** A copy to OpenStack Swift on this machine, beside rclone. */
function intoStore({ scene, archive, plain, prepare }: Original): Omit<Pair, 'name'> {
  let server: RunningServer | undefined;
  let times = 0;
  /** Each run fills a place of its own. */
  const place = () => `archive-${times++}`;
  const rclone = 'env -u AWS_CA_BUNDLE rclone copy --s3-upload-concurrency 3 --s3-chunk-size 16M';
  return {
    pipeline: 'rclone copy a s3:bucket/d',
    async prepare() {
      await prepare();
      if (server !== undefined) return;
      server = await startSwift(scene.directory);
      const { env, bucket } = storeOn(server.endpoint);
      Object.assign(process.env, env, {
        RCLONE_CONFIG_S_TYPE: 's3',
        RCLONE_CONFIG_S_PROVIDER: 'Other',
        RCLONE_CONFIG_S_ENV_AUTH: 'true',
        RCLONE_CONFIG_S_ENDPOINT: server.endpoint,
      });
      await bucket('bench');
    },
    plain: {
      get command() {
        return shell(`${rclone} "$1" "$2"`, plain, `s:bench/${place()}`);
      },
      reset: () => {},
    },
    ours: (runtime) => ({
      get command() {
        return btrferry(runtime, 'copy', archive(runtime), `s3://bench/${place()}`);
      },
      reset: () => {},
    }),
    atMost,
  };
}
