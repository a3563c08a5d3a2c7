import { afterEach, expect, it, vi } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import { s3Store } from '../../../src/store/s3/s3-store.ts';
import {
  readWhole,
  type StagePlace,
  type WritableStore,
  writeWhole,
} from '../../../src/store/store.ts';
import { noise } from '../../archive/stored.ts';
import {
  type Fault,
  type FaultyProxy,
  faultyProxy,
  type RequestKind,
  type SeenRequest,
} from '../../objectstore/faulty-proxy.ts';
import { describeObjectStore, type ObjectStore } from '../../objectstore/objectstore.ts';

const proxies: FaultyProxy[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const proxy of proxies.splice(0)) await proxy.close();
});

type FaultOf = (request: SeenRequest, nth: number) => Fault | undefined;

/** Opens stores on an empty bucket, behind a proxy that lets requests fail. */
async function behind(server: ObjectStore, faultOf: FaultOf) {
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  const proxy = await faultyProxy(server.endpoint, faultOf);
  proxies.push(proxy);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.endpoint);
  const location = `${await server.bucket()}/archive`;
  const count = (kind: RequestKind) => proxy.requests.filter((one) => one.kind === kind).length;
  return { open: () => s3Store(location), requests: proxy.requests, count, location };
}

/** The manifest itself, and not the mark of a stage, whose path ends in it. */
const isManifest = (path: string) => /archive\/streams\/x\/manifest.json$/.test(path);

/** The first request of a kind meets a fault, and the others do not. */
const once =
  (kind: RequestKind, fault: Fault): FaultOf =>
  (request, nth) =>
    request.kind === kind && nth === 1 ? fault : undefined;

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error) => (error instanceof Failure ? error.code : `not a failure: ${error}`),
  );

const place: StagePlace = {
  draft: 'streams/.incoming-x',
  directory: 'streams/x',
  last: 'manifest.json',
};
const manifest = [{ file: 'manifest.json', bytes: Buffer.from('{}') }];

async function write(store: WritableStore, bytes: Uint8Array): Promise<void> {
  const stage = await store.stage(place);
  const sink = await stage.write('0001.btrfs.zst');
  for (let at = 0; at < bytes.length; at += 1_000_000) {
    await sink.write(bytes.subarray(at, at + 1_000_000));
  }
  await sink.close();
  await stage.publish(manifest);
}

const read = async (store: WritableStore, range?: { start: number; end: number }) =>
  Buffer.from((await readWhole(store.read('streams/x/0001.btrfs.zst', range), 1e9)) ?? []);

const MiB = 1024 * 1024;
/** Three pieces of an upload, the last of which is short. */
const content = noise(33 * MiB);

describeObjectStore('an object store that fails now and then', (server) => {
  it.each<[string, FaultOf]>([
    ['a connection breaks before a piece', once('put piece', { type: 'reset' })],
    ['the answer to a piece is lost', once('put piece', { type: 'lose answer' })],
    [
      'a piece is answered by 500',
      once('put piece', { type: 'answer', status: 500, code: 'InternalError' }),
    ],
    [
      'a piece is answered by 503',
      once('put piece', { type: 'answer', status: 503, code: 'SlowDown' }),
    ],
    ['the answer to the completion is lost', once('complete upload', { type: 'lose answer' })],
    [
      'the completion answers 200 with an error',
      once('complete upload', { type: 'answer', status: 200, code: 'InternalError' }),
    ],
    [
      'the answer to the manifest is lost',
      ({ path, kind }, nth) =>
        kind === 'put' && isManifest(path) && nth < 4 ? { type: 'lose answer' } : undefined,
    ],
    ['a list is cut', once('list', { type: 'cut answer', after: 20 })],
  ])('uploads all the same if %s', async (_, faultOf) => {
    const { open } = await behind(server(), faultOf);
    await write(open(), content);
    expect((await read(open())).equals(content)).toBe(true);
    expect((await open().list('streams')).map(({ name }) => name)).toEqual(['x']);
  });

  it('continues a read at the byte where it broke', async () => {
    const { open, requests } = await behind(
      server(),
      once('get', { type: 'cut answer', after: 5 * MiB }),
    );
    await write(open(), content);
    expect((await read(open())).equals(content)).toBe(true);
    const ranges = requests.filter(({ kind }) => kind === 'get').map(({ range }) => range);
    expect(ranges).toHaveLength(2);
    const start = Number(/^bytes=(\d+)-/.exec(ranges[1] ?? '')?.[1]);
    expect(start).toBeGreaterThan(0);
    expect(start).toBeLessThanOrEqual(5 * MiB);
  });

  it('gives up a read that breaks again and again without a byte', async () => {
    const { open, count } = await behind(server(), ({ kind }) =>
      kind === 'get' ? { type: 'cut answer', after: 0 } : undefined,
    );
    await write(open(), content);
    expect(await failureOf(read(open()))).toBe('storage-failed');
    expect(count('get')).toBeLessThan(30);
  });

  it('reads in a row from an open file by one request', async () => {
    const { open, count } = await behind(server(), () => undefined);
    await write(open(), content);
    const file = await open().open('streams/x/0001.btrfs.zst');
    const into = Buffer.alloc(MiB);
    for (let at = 0; at < content.length; at += MiB) {
      await file.read(into, at);
      expect(into.equals(content.subarray(at, at + MiB))).toBe(true);
    }
    file.close();
    expect(count('get')).toBe(1);
  });

  it('continues the upload of a run that ended, and sends only the pieces that are missing', async () => {
    const { open, count } = await behind(server(), () => undefined);
    const stage = await open().stage(place);
    const sink = await stage.write('0001.btrfs.zst');
    await sink.write(content.subarray(0, 20 * MiB));
    await sink.abandon();
    expect((await open().list('streams')).map(({ name }) => name)).toEqual(['.incoming-x']);
    const before = count('put piece');
    await write(open(), content);
    expect([before, count('put piece')]).toEqual([1, 3]);
    expect((await read(open())).equals(content)).toBe(true);
    expect((await open().list('streams')).map(({ name }) => name)).toEqual(['x']);
  });

  it('sends pieces again that differ from those of an earlier run', async () => {
    const { open, count } = await behind(server(), () => undefined);
    const other = Buffer.from(content).fill(0, 17 * MiB, 18 * MiB);
    const sink = await (await open().stage(place)).write('0001.btrfs.zst');
    await sink.write(other);
    await sink.abandon();
    const before = count('put piece');
    await write(open(), content);
    expect(count('put piece') - before).toBe(2);
    expect((await read(open())).equals(content)).toBe(true);
  });

  it('removes the upload of a draft that is given up', async () => {
    const { open, count } = await behind(server(), () => undefined);
    const sink = await (await open().stage(place)).write('0001.btrfs.zst');
    await sink.write(content);
    await sink.abandon();
    await open().remove(place.draft);
    expect(count('abort upload')).toBe(1);
    expect(await open().list('')).toEqual([]);
    const again = await (await open().stage(place)).write('0001.btrfs.zst');
    await again.write(content.subarray(0, 17 * MiB));
    await again.abandon();
    await (await open().stage(place)).discard();
    expect(await open().list('')).toEqual([]);
  });

  it('shows nothing of a stream that was not published to its end', async () => {
    let broken = false;
    const { open } = await behind(server(), ({ kind, path }) =>
      broken && kind === 'put' && isManifest(path)
        ? { type: 'answer', status: 403, code: 'AccessDenied' }
        : undefined,
    );
    broken = true;
    expect(await failureOf(write(open(), content))).toBe('access-denied');
    broken = false;
    const store = open();
    expect((await store.list('streams')).map(({ name }) => name)).toEqual(['.incoming-x']);
    expect(await store.list('streams/x')).toEqual([]);
    expect(await failureOf(read(store))).toBe('read-failed');
    await write(open(), content);
    expect((await read(open())).equals(content)).toBe(true);
  });

  it('publishes nothing after its lease has ended unnoticed, as on a machine that slept', async () => {
    const { open } = await behind(server(), () => undefined);
    const store = open();
    const lock = await store.lock();
    const stage = await store.stage(place);
    const sink = await stage.write('0001.btrfs.zst');
    await sink.write(content.subarray(0, MiB));
    await sink.close();
    const later = Date.now() + 170_000;
    vi.spyOn(Date, 'now').mockImplementation(() => later);
    const failure = await failureOf(stage.publish(manifest));
    vi.restoreAllMocks();
    expect(failure).toBe('storage-failed');
    expect(lock.lost.aborted).toBe(true);
    await lock.release();
    expect((await open().list('streams')).map(({ name }) => name)).toEqual(['.incoming-x']);
  });

  it('compares by the checksum of the store without reading', async () => {
    const { open, count } = await behind(server(), () => undefined);
    await write(open(), content);
    await writeWhole(open(), 'small', Buffer.from('small'));
    const store = open();
    const equal = (path: string, bytes: Uint8Array) =>
      store.isEqual?.(
        path,
        (async function* () {
          yield bytes;
        })(),
      );
    expect(await equal('streams/x/0001.btrfs.zst', content)).toBe(true);
    expect(await equal('streams/x/0001.btrfs.zst', content.subarray(1))).toBe(false);
    expect(await equal('small', Buffer.from('small'))).toBe(true);
    expect(await equal('small', Buffer.from('smalL'))).toBe(false);
    expect(count('get')).toBe(0);
  });

  it.each<[string, number, string, string]>([
    ['credentials have expired', 400, 'ExpiredToken', 'access-denied'],
    ['the clock is off', 403, 'RequestTimeTooSkewed', 'access-denied'],
    ['something is forbidden', 403, 'AccessDenied', 'access-denied'],
    ['the bucket is gone', 404, 'NoSuchBucket', 'archive-unfit'],
    ['the store is full', 507, 'InsufficientStorage', 'no-space'],
    ['the store is busy for long', 503, 'SlowDown', 'storage-failed'],
    ['the object is cold', 403, 'InvalidObjectState', 'cold-storage'],
  ])('says that %s, without trying for ever', async (_, status, code, expected) => {
    const fault: Fault = { type: 'answer', status, code };
    const { open, requests } = await behind(server(), () => fault);
    expect(await failureOf(open().list(''))).toBe(expected);
    expect(requests.length).toBeLessThanOrEqual(5);
  });

  it('goes on after a connection that stays open and brings nothing', async () => {
    const { open, location, count } = await behind(
      server(),
      once('get', { type: 'stall', after: MiB }),
    );
    await write(open(), content);
    const store = s3Store(location, { stall: 300 });
    expect((await read(store)).equals(content)).toBe(true);
    expect(count('get')).toBe(2);
  });

  it('stops when the operation is interrupted, also while it waits', async () => {
    const { open, location } = await behind(server(), ({ kind }) =>
      kind === 'get' ? { type: 'stall', after: 100 } : undefined,
    );
    await write(open(), content);
    const stop = new AbortController();
    const store = s3Store(location, { signal: stop.signal });
    const reading = readWhole(store.read('streams/x/0001.btrfs.zst'), 1e9);
    const failed = failureOf(reading);
    setTimeout(() => stop.abort(new Failure('interrupted', 'interrupted')), 200);
    expect(await failed).toBe('interrupted');
  });
});
