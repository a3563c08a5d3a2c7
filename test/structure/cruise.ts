import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { rules } from './layers.ts';

export interface Breach {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

/** Follows every import of `src` in a folder, types included, and tells those that break a rule. */
export async function breaches(folder: string): Promise<{ files: string[]; found: Breach[] }> {
  const { output } = await cruise(['src'], {
    baseDir: folder,
    validate: true,
    ruleSet: { forbidden: rules },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  });
  const { modules, summary } = output as ICruiseResult;
  return {
    files: modules.map(({ source }) => source).filter((source) => source.startsWith('src/')),
    found: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
