import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { directoryStore } from '../../src/store/directory/directory.ts';
import { readWhole } from '../../src/store/store.ts';

describe('a failure', () => {
  it('has no stack trace, because there may be very many', () => {
    expect(new Failure('read-failed', 'cannot read it').stack).toBe('Failure: cannot read it');
  });

  it('made from a system error does not keep that error', async () => {
    const failed = readWhole(directoryStore('/').read('nowhere'), 9);
    const failure = await failed.catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'read-failed' });
    expect(failure).not.toHaveProperty('cause');
  });
});
