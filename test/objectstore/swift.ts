import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The key pair of the only user, who may do everything. */
export const accessKey = 'test:tester';
export const secretKey = 'testing';

const servers = ['account', 'container', 'object', 'proxy'] as const;
type Server = (typeof servers)[number];

/** A server that is ready. */
export interface RunningServer {
  /** URL. */
  readonly endpoint: string;
  /** Kills all its processes. */
  stop(): Promise<void>;
}

/** The programs of Debian that a one-node Swift needs. */
export const swiftPrograms = [
  ...servers.map((server) => `swift-${server}-server`),
  'swift-ring-builder',
  'memcached',
];

/**
 * Starts OpenStack Swift with its S3 interface on this machine: one server of each kind, and one copy
 * of each object, in a directory whose filesystem has extended attributes. No system service takes
 * part. The servers die with this process.
 */
export async function startSwift(directory: string): Promise<RunningServer> {
  const [account = 0, container = 0, object = 0, proxy = 0, memcached = 0] = await freePorts(5);
  const ports: Record<Server, number> = { account, container, object, proxy };
  mkdirSync(path.join(directory, 'devices', 'd1'), { recursive: true });
  for (const server of servers) {
    if (server !== 'proxy') buildRing(directory, server, ports[server]);
    writeFileSync(
      path.join(directory, `${server}.conf`),
      server === 'proxy'
        ? proxyConfiguration(directory, ports.proxy, memcached)
        : storageConfiguration(directory, server, ports[server]),
    );
  }
  const children = [
    begin('memcached', ['-u', 'root', '-l', '127.0.0.1', '-p', `${memcached}`]),
    ...servers.map((server) =>
      begin(`swift-${server}-server`, [path.join(directory, `${server}.conf`)]),
    ),
  ];
  const endpoint = `http://127.0.0.1:${ports.proxy}`;
  const stop = async () => {
    for (const { kill } of children) kill();
    await Promise.all(children.map(({ ended }) => ended));
  };
  try {
    for (const server of servers) await answers(ports[server], children);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
}

interface Child {
  readonly kill: () => void;
  readonly ended: Promise<void>;
  /** The text it printed, once it ended by itself. */
  readonly failure: () => string | undefined;
}

function begin(program: string, args: readonly string[]): Child {
  const child: ChildProcess = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => {
      printed = `${printed}${text}`.slice(-4000);
    });
  }
  let failure: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure = `${program}: ${error.message}`;
      resolve();
    });
    child.once('close', (code) => {
      failure = `${program} ended with ${code}: ${printed}`;
      resolve();
    });
  });
  return { kill: () => child.kill('SIGKILL'), ended, failure: () => failure };
}

/** Waits until a server answers at a port, or a process ends. */
async function answers(port: number, children: readonly Child[]): Promise<void> {
  for (;;) {
    const failure = children.map((child) => child.failure()).find((one) => one !== undefined);
    if (failure !== undefined) throw new Error(failure);
    const response = await fetch(`http://127.0.0.1:${port}/healthcheck`).catch(() => undefined);
    if (response?.ok === true) return;
    await sleep(50);
  }
}

function buildRing(directory: string, server: Server, port: number): void {
  const builder = path.join(directory, `${server}.builder`);
  const ring = (...args: string[]) => execFileSync('swift-ring-builder', [builder, ...args]);
  ring('create', '2', '1', '1');
  ring('add', `r1z1-127.0.0.1:${port}/d1`, '1');
  ring('rebalance');
}

/** Settings that all servers share. */
function common(directory: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
user = root
workers = 0
swift_dir = ${directory}
log_udp_host = 127.0.0.1
log_udp_port = 9
`;
}

function storageConfiguration(directory: string, server: Server, port: number): string {
  return `${common(directory, port)}devices = ${directory}/devices
mount_check = false
disable_fallocate = true

[pipeline:main]
pipeline = healthcheck ${server}-server

[filter:healthcheck]
use = egg:swift#healthcheck

[app:${server}-server]
use = egg:swift#${server}
`;
}

const filters = [
  'catch_errors',
  'gatekeeper',
  'healthcheck',
  'cache',
  'listing_formats',
  'bulk',
].concat(['s3api', 'tempauth', 'copy', 'slo', 'dlo']);

function proxyConfiguration(directory: string, port: number, memcached: number): string {
  const settings: Record<string, string> = {
    cache: `use = egg:swift#memcache\nmemcache_servers = 127.0.0.1:${memcached}`,
    tempauth: `use = egg:swift#tempauth\nuser_${accessKey.replace(':', '_')} = ${secretKey} .admin`,
    slo: 'use = egg:swift#slo\nmin_segment_size = 1\nmax_manifest_segments = 10000',
    s3api: 'use = egg:swift#s3api\nmin_segment_size = 5242880\nmax_multi_delete_objects = 1000',
  };
  const sections = filters.map(
    (filter) => `[filter:${filter}]\n${settings[filter] ?? `use = egg:swift#${filter}`}\n`,
  );
  return `${common(directory, port)}
[pipeline:main]
pipeline = ${filters.join(' ')} proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
# There is only one server of each kind, and a busy machine makes it slow.
error_suppression_limit = 1000000
conn_timeout = 30
node_timeout = 60

${sections.join('\n')}`;
}

/** Finds ports that nothing listens on. */
async function freePorts(count: number): Promise<number[]> {
  const listening = Array.from({ length: count }, async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  });
  const opened = await Promise.all(listening);
  const ports = opened.map((server) => (server.address() as { port: number }).port);
  await Promise.all(opened.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
