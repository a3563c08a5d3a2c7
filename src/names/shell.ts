import { type Path, pathBytes } from './path.ts';

/** Quotes an argument of any bytes so that a shell reads it as one word. */
export function shellWord(argument: Path): string {
  const text = pathBytes(argument).toString('latin1');
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (/^[ -~]*$/.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const utf8 = pathBytes(argument).toString();
  if (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u.test(utf8)) return `'${utf8.replaceAll("'", "'\\''")}'`;
  // POSIX 2024, bash and zsh read $'...'.
  const escaped = text.replace(/[^ -~]|['\\]/g, (char) => {
    if (char === "'" || char === '\\') return `\\${char}`;
    return `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return `$'${escaped}'`;
}
