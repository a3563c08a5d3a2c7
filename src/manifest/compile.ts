/**
 * Run when the program is built, with the file to write as argument: makes a module of the
 * schemas, with a function for each document that tells whether a value is one. To make those when
 * they are needed takes longer than many a command.
 */
import { writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { publishedSchema } from './schema.ts';

// That the schemas are such is for the tests.
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
  isHeader: 'manifest#/$defs/header',
  isReceipt: 'manifest#/$defs/receipt',
};
writeFileSync(file, standalone.default(ajv, names));
