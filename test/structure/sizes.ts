import ts from 'typescript';

/** Lines that a file may have, and that a function may have. */
export const MOST_LINES = { file: 300, function: 60 };

export interface LongFunction {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/**
 * Finds the functions of a source text that are too long. A comment `// Long: <reason>` on the line
 * above a function excuses it. The callbacks of `describe` hold tests and do not count themselves.
 */
export function longFunctions(file: string, text: string): LongFunction[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const lines = text.split('\n');
  const found: LongFunction[] = [];
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line;
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const first = lineOf(node.getStart(source));
      const count = lineOf(node.end) - first + 1;
      const statement = lineOf(statementOf(node).getStart(source));
      const excused = /^\s*(\/\/|\*) Long: \S/.test(lines[statement - 1] ?? '');
      if (count > MOST_LINES.function && !excused && !isGroupOfTests(node)) {
        found.push({ name: nameOf(node, source), line: first + 1, lines: count });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function statementOf(node: ts.Node): ts.Node {
  let statement = node;
  while (!ts.isStatement(statement) && !ts.isClassElement(statement)) {
    if (statement.parent === undefined) break;
    statement = statement.parent;
  }
  return statement;
}

function isGroupOfTests(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^describe/.test(call.expression.getText());
}

function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string {
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
  return named?.getText(source) ?? 'function';
}
