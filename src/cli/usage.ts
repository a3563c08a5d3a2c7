import { Failure } from '../failure/failure.ts';

/**
 * Turns a complaint of commander about a command line into a failure of one line, lower case. A
 * suggestion of commander becomes the hint.
 */
export function usageFailure(said: string, command: string | undefined): Failure {
  const [first = '', ...rest] = said.split('\n');
  const message = first
    .replace(/^error: /, '')
    .replace(/\. (\w)/g, (_, letter: string) => `: ${letter.toLowerCase()}`)
    .replace(/\.$/, '');
  const suggestion = /^\((Did you mean .*\?)\)$/.exec(rest.join(' '))?.[1];
  const help = command === undefined ? 'btrferry --help' : `btrferry ${command} --help`;
  return new Failure('usage', message, {
    hint: suggestion?.replace('Did', 'did') ?? `${help} shows what it takes`,
  });
}
