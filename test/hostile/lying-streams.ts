import { other, own } from '../sendstream/streams.ts';
import { clone, full, mkfile, write } from './bodies.ts';
import type { Forgery } from './forge.ts';
import type { HostileStream } from './hostile-streams.ts';

const lie = (name: string, stream: Uint8Array, claim: Forgery['claim']): HostileStream => ({
  name,
  stream,
  forgery: { claim: claim ?? {} },
  code: 'stream-differs-from-manifest',
});

const truth = { uuid: own, ctransid: '7', sendTransid: null };
const small = full(mkfile('f'), write('f'));
const described = {
  protocol: 2,
  length: small.length,
  framesXxh64: '0123456789abcdef',
  commands: { SUBVOL: 1, MKFILE: 1, WRITE: 1, END: 1 },
  compressedData: false,
} as const;

/** Streams that are whole and safe, but not what their manifest says. */
export const lies: HostileStream[] = [
  lie('another UUID', small, { identity: { uuid: other, ctransid: '7', sendTransid: null } }),
  lie('another ctransid', small, { identity: { ...truth, ctransid: '8' } }),
  lie('another name', small, { name: 'innocent' }),
  lie('a name that leaves the directory', small, { name: '../outside/evil' }),
  lie('another hash', small, { stream: described }),
  lie('another hash than that of the stream, of which a command is missing', full(mkfile('f')), {
    stream: { ...described, length: full(mkfile('f')).length },
  }),
  lie('a clone source that the manifest does not name', full(mkfile('f'), clone('f', 'g', other)), {
    cloneSources: [],
  }),
];
