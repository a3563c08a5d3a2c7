import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import { succeeds } from '../program.ts';
import { fresh, makeChain } from './chainlet.ts';

describeReal('the fingerprint of a received snapshot', () => {
  test('is the base of increments from where the snapshot was made', async () => {
    const [origin, relay, destination] = [withBtrfs(), withBtrfs(), withBtrfs()];
    const [one = '', two = ''] = makeChain(origin);
    const [first, drive] = [fresh('first'), fresh('second')];
    await succeeds('export', one, '--to', first);
    // Transactions of the relay get other numbers.
    for (let count = 0; count < 5; count++) relay.subvolume(`other-${count}`);
    await succeeds('import', first, '--into', relay.mount);
    await succeeds('fingerprint', relay.at('one'), '--to', drive);
    await succeeds('export', two, '--to', drive, '--require-incremental');
    const copy = destination.subvolume('copy');
    execFileSync('rsync', ['-aHAX', '--modify-window=-1', `${relay.at('one')}/`, `${copy}/`]);
    const into = ['--into', destination.mount];
    await succeeds('adopt', drive, '--copy', copy, ...into, '--repair-metadata');
    await succeeds('import', drive, ...into);
    expect(describeTree(destination.at('two'))).toEqual(describeTree(two));
  });
});
