import type { Command } from 'commander';
import { commandNamed } from './help.ts';
import { type CommonOptions, run } from './run.ts';

export function doctorCommand(): Command {
  return commandNamed('doctor', [
    { line: 'btrferry doctor', does: 'what this machine can do, and what it lacks' },
    { line: 'btrferry doctor s3://bucket/home', does: 'the same, and of an object store' },
  ])
    .summary('say what this machine can do, and what it lacks')
    .description('Says what this machine can do, what it lacks, and what to do about it.')
    .argument('[archive...]', 'places of archives to check as well')
    .action((archives: string[], flags: CommonOptions) =>
      run('doctor', flags, async (context) => {
        const { runDoctor } = await import('../operations/doctor/run.ts');
        return runDoctor({ archives }, context);
      }),
    );
}
