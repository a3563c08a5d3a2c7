import type { Command } from 'commander';
import { commandNamed } from './help.ts';
import { type CommonOptions, run } from './run.ts';

export function doctorCommand(): Command {
  return commandNamed('doctor', [
    { line: 'btrferry doctor', does: 'what this machine can do, and what it lacks' },
  ])
    .summary('say what this machine can do, and what it lacks')
    .description('Says what this machine can do, what it lacks, and what to do about it.')
    .action((flags: CommonOptions) =>
      run('doctor', flags, async (context) => {
        const { runDoctor } = await import('../operations/doctor/run.ts');
        return runDoctor({}, context);
      }),
    );
}
