#!/usr/bin/env node
// node test/run.mjs FILE ARG...: calls `main` of a file in TypeScript, on a Node.js that can't read
// that, by the loader that the tests use as well.
import { createViteServer } from 'vitest/node';

const [file, ...args] = process.argv.slice(2);
const server = await createViteServer({
  root: new URL('..', import.meta.url).pathname,
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
});
const { main } = await server.ssrLoadModule(`/${file}`);
const code = await main(args);
await server.close();
process.exit(code);
