/**
 * Compiles the schemas into a module with a validator for each document. The build runs it with the
 * file to write as its argument, because compiling at run time takes longer than many a command.
 */
import { writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { publishedSchema } from './schema.ts';

// Tests check that the schemas are valid.
const ajv = new Ajv2020({
  strict: true,
  allErrors: false,
  meta: false,
  validateSchema: false,
  removeAdditional: 'all',
  code: { source: true, esm: true },
});
ajv.addSchema(publishedSchema, 'manifest');
const [, , file = ''] = process.argv;
const names = {
  isManifest: 'manifest',
  isSegment: 'manifest#/$defs/segment',
  isHeader: 'manifest#/$defs/header',
  isReceipt: 'manifest#/$defs/receipt',
  isFingerprint: 'manifest#/$defs/fingerprint',
  isTreeLine: 'manifest#/$defs/entry',
};
writeFileSync(file, standalone.default(ajv, names));
