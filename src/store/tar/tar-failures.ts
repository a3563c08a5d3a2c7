import { Failure } from '../../failure/failure.ts';

export function notTar(location: string, offset: number): Failure {
  if (offset === 0) {
    return new Failure('not-an-archive', `${location} is not a tar file`, {
      hint: 'name a tar file that btrferry copy has made, or one of an archive directory',
      where: { archive: location, offset },
    });
  }
  return new Failure('archive-damaged', `${location} has no tar header at byte ${offset}`, {
    hint: 'copy the file again, or take another copy of it',
    where: { archive: location, offset },
  });
}

export function archiveCutShort(location: string, offset: number): Failure {
  const hint =
    location === '-'
      ? 'the program that sends it may have failed: see its messages, and send it again'
      : 'copy the file again; to use the streams before the cut, unpack it with tar -xf';
  return new Failure('archive-damaged', `${location} is cut short: it has no end-of-archive`, {
    hint,
    where: { archive: location, offset },
  });
}
