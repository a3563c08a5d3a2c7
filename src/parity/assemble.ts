/**
 * Assembles `kernel.wat` into a module that holds its bytes. The build runs it, with the source and
 * the file to write as its arguments.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import wabt from 'wabt';

const [, , source = '', target = ''] = process.argv;
const { parseWat } = await wabt();
const { buffer } = parseWat(source, readFileSync(source, 'utf8'), { simd: true }).toBinary({});
writeFileSync(target, `export const kernel = '${Buffer.from(buffer).toString('base64')}';\n`);
