import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { personAt } from '../../src/report/ask.ts';
import { capture } from './capture.ts';

const ask = new URL('../../dist/report/ask.js', import.meta.url).href;
const output = new URL('../../dist/report/output.js', import.meta.url).href;

describe('a question', () => {
  it('has no answer without a terminal', () => {
    const { signal } = new AbortController();
    expect(personAt(capture({ interactive: false }), signal)).toBeUndefined();
  });

  it('is answered by the line that a person types', async () => {
    const script = `
      const { personAt } = await import('${ask}');
      const { standardOutput } = await import('${output}');
      const output = await standardOutput(() => {});
      const ask = personAt(output, new AbortController().signal);
      const label = await ask('next drive? ');
      output.out('answer: ' + label);
      output.flush();
      process.exit();`;
    const command = `${process.execPath} --input-type=module -e "$SCRIPT"`;
    // script(1) runs the command on a terminal of its own.
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, SCRIPT: script },
    });
    let seen = '';
    child.stdout.on('data', (piece: Buffer) => {
      seen += piece;
      if (piece.includes('next drive? ')) child.stdin.write('blue 2\n');
    });
    await once(child, 'close');
    expect(seen).toContain('answer: blue 2');
  });
});
