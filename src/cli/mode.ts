import { InvalidArgumentError } from 'commander';

/** Parses a mode of directories such as `750` or `0750`. The owner always gets access. */
export function parseMode(text: string): number {
  const mode = /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : 0;
  if ((mode & 0o700) === 0o700) return mode;
  throw new InvalidArgumentError('it is octal, from 0700 to 0777');
}
