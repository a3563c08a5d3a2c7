import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** The purpose of a request to an object store. */
export type RequestKind =
  | 'list'
  | 'get'
  | 'head'
  | 'put'
  | 'delete'
  | 'begin upload'
  | 'put piece'
  | 'complete upload'
  | 'abort upload'
  | 'list uploads'
  | 'list pieces'
  | 'other';

export interface SeenRequest {
  readonly kind: RequestKind;
  /** Path of the object, with its bucket. */
  readonly path: string;
  /** Value of the header Range. */
  readonly range: string | undefined;
  readonly storageClass: string | undefined;
}

/** Something that goes wrong with one request. */
export type Fault =
  /** The connection breaks before the server sees the request. */
  | { readonly type: 'reset' }
  /** It breaks after the server has done it, so that its answer is lost. */
  | { readonly type: 'lose answer' }
  /** It breaks after this many bytes of the body of the answer. */
  | { readonly type: 'cut answer'; readonly after: number }
  /** The body of the answer stops after this many bytes, and the connection stays open. */
  | { readonly type: 'stall'; readonly after: number }
  /** One byte of the body of the answer is another one. */
  | { readonly type: 'flip'; readonly at: number }
  /** The proxy answers in place of the server. */
  | { readonly type: 'answer'; readonly status: number; readonly code: string }
  /** The body of the answer is changed, and headers are added. */
  | {
      readonly type: 'rewrite';
      readonly change: (body: string) => string;
      readonly headers?: Readonly<Record<string, string>>;
    };

export interface FaultyProxy {
  /** URL that clients use in place of the server's. */
  readonly endpoint: string;
  /** All requests so far. */
  readonly requests: SeenRequest[];
  close(): Promise<void>;
}

/**
 * Stands in front of an object store, and lets requests fail.
 *
 * @param faultOf decides for each request; `nth` counts the requests of its kind from 1
 */
export async function faultyProxy(
  target: string,
  faultOf: (request: SeenRequest, nth: number) => Fault | undefined,
): Promise<FaultyProxy> {
  const requests: SeenRequest[] = [];
  const server = createServer((incoming, answer) => {
    const seen = seenIn(incoming);
    requests.push(seen);
    const nth = requests.filter(({ kind }) => kind === seen.kind).length;
    serve(target, incoming, answer, faultOf(seen, nth));
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function seenIn({ method = '', url = '', headers }: IncomingMessage): SeenRequest {
  const { pathname, searchParams } = new URL(url, 'http://store');
  const has = (name: string) => searchParams.has(name);
  const kinds: Record<string, RequestKind> = {
    GET: has('list-type') ? 'list' : has('uploads') ? 'list uploads' : 'get',
    HEAD: 'head',
    PUT: has('partNumber') ? 'put piece' : 'put',
    POST: has('uploads') ? 'begin upload' : 'complete upload',
    DELETE: has('uploadId') ? 'abort upload' : 'delete',
  };
  const ofPieces = method === 'GET' && has('uploadId');
  const kind = ofPieces ? 'list pieces' : (kinds[method] ?? 'other');
  const path = decodeURIComponent(pathname.slice(1));
  const storageClass = headers['x-amz-storage-class'] as string | undefined;
  return { kind, path, range: headers.range, storageClass };
}

function serve(
  target: string,
  incoming: IncomingMessage,
  answer: ServerResponse,
  fault: Fault | undefined,
): void {
  if (fault?.type === 'reset') {
    incoming.socket.destroy();
    return;
  }
  if (fault?.type === 'answer') {
    const { status, code } = fault;
    incoming.resume().once('end', () => {
      answer.writeHead(status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
    });
    return;
  }
  const { hostname, port } = new URL(target);
  const { method, url: path, headers } = incoming;
  // The signature covers the header Host, which must stay as it is.
  const forwarded = send({ hostname, port, method, path, headers }, (response) => {
    if (fault?.type === 'lose answer') {
      response.resume().once('end', () => incoming.socket.destroy());
    } else if (fault?.type === 'rewrite') {
      void rewritten(response, answer, fault);
    } else {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      void passOn(response, answer, fault);
    }
  });
  forwarded.once('error', () => answer.destroy());
  incoming.pipe(forwarded);
}

async function passOn(
  response: IncomingMessage,
  answer: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  let passed = 0;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      const bytes = Buffer.from(piece);
      if (fault?.type === 'flip' && fault.at >= passed && fault.at < passed + bytes.length) {
        bytes[fault.at - passed] = (bytes[fault.at - passed] ?? 0) ^ 1;
      }
      if (fault?.type === 'cut answer' || fault?.type === 'stall') {
        const rest = Math.max(0, fault.after - passed);
        if (bytes.length > rest) {
          answer.write(bytes.subarray(0, rest), () => {
            if (fault.type === 'cut answer') answer.destroy();
          });
          return;
        }
      }
      passed += bytes.length;
      if (!answer.write(bytes)) await new Promise((resolve) => answer.once('drain', resolve));
    }
    answer.end();
  } catch {
    answer.destroy();
  }
}

async function rewritten(
  response: IncomingMessage,
  answer: ServerResponse,
  { change, headers: added = {} }: Fault & { readonly type: 'rewrite' },
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  const body = change(Buffer.concat(pieces).toString());
  const { 'content-length': _, 'transfer-encoding': __, ...headers } = response.headers;
  answer.writeHead(response.statusCode ?? 500, { ...headers, ...added });
  answer.end(body);
}
