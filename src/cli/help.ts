import { Command, Option } from 'commander';
import { exit } from '../failure/failure.ts';

const exitMeaning: Record<keyof typeof exit, string> = {
  done: 'done',
  failed: 'failed',
  usage: 'wrong usage',
  partial: 'done in part; the rest was refused',
  damaged: 'stored data is damaged',
  missing: 'a parent, a clone source or a medium is missing',
  unable: 'this machine, the source or the destination cannot do it',
  interrupted: 'interrupted',
};

export interface Example {
  readonly line: string;
  readonly does: string;
}

/** Makes a command with the common options, and help that ends in examples and exit codes. */
export function commandNamed(name: string, examples: readonly Example[]): Command {
  return new Command(name)
    .option('--json', 'print events as JSON lines, the last one "type":"result"')
    .option('-q, --quiet', 'print results, warnings and errors only')
    .addHelpText('after', `\n${examplesText(examples)}\n\n${exitCodesText()}`);
}

/** An option of the commands that read receipts. */
export function noRemember(): Option {
  return new Option('--no-remember', 'keep no receipts on this machine, and use none');
}

export function exitCodesText(): string {
  const lines = Object.entries(exit).map(
    ([name, code]) => `  ${String(code).padEnd(3)}  ${exitMeaning[name as keyof typeof exit]}`,
  );
  return ['Exit codes:', ...lines].join('\n');
}

function examplesText(examples: readonly Example[]): string {
  return [
    'Examples:',
    ...examples.flatMap(({ line, does }) => [`  ${line}`, `      ${does}`]),
  ].join('\n');
}

/** Collects the values of an option that can be repeated. Each use takes one value. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
