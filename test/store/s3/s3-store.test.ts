import { vi } from 'vitest';
import { s3Store } from '../../../src/store/s3/s3-store.ts';
import { describeObjectStore } from '../../objectstore/objectstore.ts';
import { isWritableStore } from '../conformance.ts';

describeObjectStore('OpenStack Swift', (store) => {
  isWritableStore('an object store', async () => {
    for (const [name, value] of Object.entries(store().env)) vi.stubEnv(name, value);
    const location = `${await store().bucket()}/archive`;
    return { store: s3Store(location), again: () => s3Store(location) };
  });
});
