#!/usr/bin/env node
// Runs fuzz.ts on a Node.js that can't read TypeScript: by the loader that the tests use as well.
import { createViteServer } from 'vitest/node';

const server = await createViteServer({
  root: new URL('../..', import.meta.url).pathname,
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
});
const { main } = await server.ssrLoadModule('/test/hostile/fuzz.ts');
const code = await main(process.argv.slice(2));
await server.close();
process.exit(code);
