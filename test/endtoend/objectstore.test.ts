import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Bucket } from '../../src/store/s3/bucket.ts';
import { s3PlaceOf } from '../../src/store/s3/place.ts';
import { s3Store } from '../../src/store/s3/s3-store.ts';
import { withBtrfs } from '../filesystem.ts';
import {
  type Fault,
  type FaultyProxy,
  faultyProxy,
  type RequestKind,
  type SeenRequest,
} from '../objectstore/faulty-proxy.ts';
import { describeObjectStore } from '../objectstore/objectstore.ts';
import { btrferry, eventsIn, fails, succeeds, warningsOf } from '../program.ts';
import { type Chainlet, expectArrived, fresh, makeChainlet, streamsOf } from './chainlet.ts';

let made: Chainlet;
beforeAll(async () => {
  made = await makeChainlet();
});
afterAll(() => made?.source.remove());

type FaultOf = (request: SeenRequest, nth: number) => Fault | undefined;
const isPart = ({ path }: SeenRequest) => path.endsWith('.zst');

describeObjectStore('an archive in an object store', (store) => {
  let proxy: FaultyProxy;
  let faultOf: FaultOf = () => undefined;
  beforeAll(async () => {
    proxy = await faultyProxy(store().endpoint, (request, nth) => faultOf(request, nth));
    for (const [name, value] of Object.entries(store().env)) vi.stubEnv(name, value);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.endpoint);
  });
  afterEach(() => {
    faultOf = () => undefined;
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy?.close();
  });

  /** An archive with the streams of the chain. */
  const filled = async (...options: string[]) => {
    const archive = `${await store().bucket()}/home`;
    await succeeds('export', ...made.snapshots, '--to', archive, ...options);
    return archive;
  };

  /** The requests of a run, by kind. */
  const requestsOf = async (...args: string[]) => {
    const before = proxy.requests.length;
    await succeeds(...args);
    const counts: Partial<Record<RequestKind, number>> = {};
    for (const { kind } of proxy.requests.slice(before)) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  };

  test('is taken by every command', async () => {
    const archive = await filled();
    await succeeds('doctor', archive);
    await succeeds('list', archive);
    await succeeds('verify', archive);
    await succeeds('verify', archive, '--quick');
    await succeeds('inspect', archive, 'two');
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    expectArrived(made, destination);
    const listed = eventsIn(await succeeds('list', archive, '--json'));
    expect(listed.at(-1)).toMatchObject({ done: 3, restorable: 3 });
    // The receipt went back, and survives a copy.
    const second = `${await store().bucket()}/other`;
    await succeeds('copy', archive, second);
    const target = fresh();
    await succeeds('copy', second, target);
    expect(readdirSync(`${target}/receipts`)).toHaveLength(1);
    expect(streamsOf(target).filter((line) => line.includes('.zst'))).toHaveLength(3);
    await succeeds('copy', target, archive);
  });

  test('makes as few requests as the documents say', async () => {
    const archive = await filled();
    expect(await requestsOf('list', archive)).toEqual({ list: 1, get: 1 + 3 });
    const destination = withBtrfs();
    const imported = await requestsOf('import', archive, '--into', destination.mount);
    expect(imported.get).toBeLessThanOrEqual(1 + 3 * (1 + 2));
    const { get = 0, ...copied } = await requestsOf('copy', made.archive, archive);
    expect(get).toBeLessThanOrEqual(1 + 3 + 1 + 1);
    expect(copied['put piece']).toBeUndefined();
  });

  test('gives parts the storage class, and documents none', async () => {
    const before = proxy.requests.length;
    const archive = `${await store().bucket()}/home`;
    await succeeds('export', ...made.snapshots, '--to', archive, '--storage-class', 'STANDARD');
    const written = proxy.requests.slice(before).filter(({ kind }) => kind === 'put');
    expect(written.filter(isPart).map(({ storageClass }) => storageClass)).toEqual(
      Array(3).fill('STANDARD'),
    );
    expect(
      written.filter((one) => !isPart(one)).every((one) => one.storageClass === undefined),
    ).toBe(true);
    await fails(
      [
        'export',
        made.snapshots[0] as string,
        '--to',
        `${await store().bucket()}/x`,
        '--storage-class',
        'NONE',
      ],
      {
        exit: 2,
        code: 'usage',
        hint: '--storage-class',
      },
    );
  });

  test('in cold storage is said to be so before anything is received', async () => {
    const archive = await filled();
    const cool = (body: string) =>
      body.replaceAll(/(\.zst<\/Key>.*?<StorageClass>)\w+/gs, '$1DEEP_ARCHIVE');
    faultOf = (request) => {
      if (request.kind === 'list') return { type: 'rewrite', change: cool };
      if (request.kind !== 'get' || !isPart(request)) return undefined;
      return { type: 'answer', status: 403, code: 'InvalidObjectState' };
    };
    const destination = withBtrfs();
    const refused = { exit: 6, code: 'cold-storage', hint: 'restore-object' } as const;
    await fails(['import', archive, '--into', destination.mount], refused);
    expect(readdirSync(destination.mount)).toEqual([]);
    const target = fresh();
    expect((await btrferry('copy', archive, target)).exit).toBe(3);
    await fails(['copy', archive, fresh('cold.tar')], refused);
    expect((await btrferry('verify', archive)).exit).not.toBe(0);
    await succeeds('list', archive);
    // The checksums of the store prove the parts, which cannot be read.
    const again = await succeeds('copy', made.archive, archive, '--json');
    expect(eventsIn(again).at(-1)).toMatchObject({ skipped: 3, done: 0 });
    made.source.snapshot('home', 'four');
    const next = await succeeds('export', made.source.at('four'), '--to', archive, '--json');
    expect(next.stdout).toContain('"parent":{"name":"three"');
    const restored = { 'x-amz-restore': 'ongoing-request="false"' };
    faultOf = ({ kind }) =>
      kind === 'list' || kind === 'head'
        ? { type: 'rewrite', change: cool, headers: restored }
        : undefined;
    await succeeds('import', archive, '--into', destination.mount);
  });

  test('hands nothing that was changed on the way to btrfs receive', async () => {
    const archive = await filled();
    faultOf = (request) =>
      isPart(request) && request.kind === 'get' && request.path.includes('/two.')
        ? { type: 'flip', at: 100 }
        : undefined;
    const destination = withBtrfs();
    const ran = await btrferry('import', archive, '--into', destination.mount);
    expect(ran.exit).toBe(4);
    expect(readdirSync(destination.mount)).not.toContain('two');
    faultOf = () => undefined;
    await succeeds('import', archive, '--into', destination.mount);
    expectArrived(made, destination);
  });

  test('lets one writer in at a time', async () => {
    const archive = await filled();
    const again = ['export', made.snapshots[0] as string, '--to', archive];
    const lock = await s3Store(archive).lock();
    await fails(again, { exit: 6, code: 'archive-locked' });
    await fails(['copy', made.archive, archive], { exit: 6, code: 'archive-locked' });
    await succeeds('list', archive);
    await lock.release();
    await succeeds(...again);
  });

  test('says in one line, with advice, what stands in the way', async () => {
    const archive = await filled();
    const cases: [Record<string, string>, string, Parameters<typeof fails>[1]][] = [
      [
        { AWS_SECRET_ACCESS_KEY: 'wrong' },
        archive,
        { exit: 6, code: 'access-denied', hint: 'AWS_' },
      ],
      [{ AWS_ACCESS_KEY_ID: 'nobody' }, archive, { exit: 6, code: 'access-denied', hint: 'AWS_' }],
      [{}, 's3://no-such-bucket/x', { exit: 6, code: 'archive-unfit', hint: 'aws s3 mb' }],
      [
        { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' },
        archive,
        { exit: 1, code: 'storage-failed', hint: 'AWS_ENDPOINT_URL_S3' },
      ],
      [{}, 's3://', { exit: 2, code: 'usage', hint: 's3://bucket/prefix' }],
      [{}, 's3://bucket/../x', { exit: 2, code: 'usage', hint: 's3://bucket/prefix' }],
    ];
    for (const [env, location, complaint] of cases) {
      const before = { ...process.env };
      for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
      await fails(['list', location], complaint);
      await fails(['export', made.snapshots[0] as string, '--to', location], complaint);
      const { stderr } = await btrferry('list', location);
      expect(
        stderr
          .trim()
          .split('\n')
          .map((line) => line.split(':')[0]),
      ).toEqual(['error', 'hint']);
      for (const name of Object.keys(env)) vi.stubEnv(name, before[name]);
    }
  });

  test('reports an upload that was not finished, and finishes it', async () => {
    const archive = `${await store().bucket()}/home`;
    faultOf = ({ kind, path }) =>
      kind === 'put' &&
      /streams\/two\.[^/]*\/manifest\.json$/.test(path) &&
      !path.includes('publishes')
        ? { type: 'answer', status: 403, code: 'AccessDenied' }
        : undefined;
    await fails(['export', ...made.snapshots, '--to', archive], { exit: 6, code: 'access-denied' });
    faultOf = () => undefined;
    const listed = eventsIn(await succeeds('list', archive, '--json'));
    expect(listed.find(({ type }) => type === 'archive-listed')).toMatchObject({
      streams: 1,
      unfinished: [expect.stringMatching(/^two\./)],
      damaged: [],
    });
    const destination = withBtrfs();
    const ran = await succeeds('import', archive, '--into', destination.mount, '--json');
    expect(warningsOf(ran)).toContain('unfinished');
    await succeeds('export', ...made.snapshots, '--to', archive);
    await succeeds('import', archive, '--into', destination.mount);
    expectArrived(made, destination);
  });

  test('is pruned, and hides what an interrupted prune left', async () => {
    const archive = await filled();
    const four = made.source.snapshot('home', `pruned-${Date.now()}`);
    await succeeds('export', four, '--to', archive, '--parent', 'none');
    const prune = ['prune', archive, '--keep-last', '1', '--yes'];
    // The first part is not removed: its manifest is gone by then.
    faultOf = (request) =>
      request.kind === 'delete' && isPart(request)
        ? { type: 'answer', status: 403, code: 'AccessDenied' }
        : undefined;
    await fails(prune, { exit: 6, code: 'access-denied' });
    faultOf = () => undefined;
    const listed = eventsIn(await succeeds('list', archive, '--json'));
    expect(listed.at(-1)).toMatchObject({ done: 3, restorable: 3, refused: 0 });
    await succeeds('verify', archive);
    // An export of the same snapshot writes to the same place.
    await succeeds('export', made.snapshots[2] as string, '--to', archive);
    await succeeds('verify', archive);
    await succeeds(...prune);
    const left = eventsIn(await succeeds('list', archive, '--json'));
    expect(left.at(-1)).toMatchObject({ done: 1, restorable: 1, refused: 0 });
    const objects = [...(await new Bucket(s3PlaceOf(archive)).list('streams/')).keys()];
    expect(objects.every((name) => name.includes('/pruned-'))).toBe(true);
    const destination = withBtrfs();
    await succeeds('import', archive, '--into', destination.mount);
    expect(readdirSync(destination.mount)).toHaveLength(1);
  });

  test('is read by a command that says so if it is pruned meanwhile', async () => {
    const archive = await filled();
    const other = made.source.snapshot('home', `newest-${Date.now()}`);
    await succeeds('export', other, '--to', archive, '--parent', 'none');
    let pruned: Promise<unknown> | undefined;
    faultOf = (request) => {
      if (pruned === undefined && request.kind === 'get' && isPart(request)) {
        pruned = succeeds('prune', archive, '--keep-last', '1', '--yes');
      }
      return undefined;
    };
    const ran = await btrferry('verify', archive, '--json');
    await pruned;
    faultOf = () => undefined;
    const end = eventsIn(ran).at(-1);
    if (ran.exit !== 0) expect(end).toMatchObject({ failure: { code: 'stream-removed' }, exit: 1 });
    const reports = eventsIn(ran).filter(({ type }) => type === 'stream-verified');
    expect(reports.every(({ failures }) => (failures as unknown[]).length === 0)).toBe(true);
  });
});
