import { Failure } from '../failure/failure.ts';
import { directoryStore } from '../store/directory.ts';
import type { Store } from '../store/store.ts';

/**
 * The store that `location` names on the command line. An export may give the `mode` of
 * directories: see {@link directoryStore}.
 *
 * @throws {Failure} `usage`
 */
export function storeAt(location: string, mode?: number): Store {
  if (location === '') {
    throw new Failure('usage', 'the name of an archive is empty', {
      hint: 'name a directory; a shell variable that is not set leaves nothing',
    });
  }
  if (location === '-' || location.endsWith('.tar') || location.startsWith('s3://')) {
    throw new Failure('usage', `${location}: only directories can be archives so far`, {
      hint: 'export into a directory, and copy that with any tool: an archive is plain files',
      where: { path: location },
    });
  }
  // A colon before any slash: `host:/path`, `user@host:path`, `sftp://host/path`.
  if (/^[^/]*:/.test(location)) {
    throw new Failure('usage', `${location} names another place than a directory of this machine`, {
      hint: `mount that place, and name the directory; one of this name here is ./${location}`,
      where: { path: location },
    });
  }
  return directoryStore(location, mode);
}
