import type { Code } from './code.ts';
import type { ModuleBuilder, WasmFunction } from './encode.ts';

/**
 * The text form: one statement per line, operands as arguments, local variables by name. It says what the module does
 * and is not read back; the standard's text form would take three times as many lines.
 */
export function printModule({ functions }: ModuleBuilder): string {
  return `${functions.map(printFunction).join('\n\n')}\n`;
}

function printFunction({ name, builder, result, body }: WasmFunction): string {
  const parameters = builder.parameters.map((local) => `$${local.name}: ${local.kind}`).join(', ');
  const type = result === 'none' ? '' : `: ${result}`;
  return [`func $${name}(${parameters})${type} {`, ...printBody(body, '  '), '}'].join('\n');
}

function printBody(statements: readonly Code[], indent: string): string[] {
  return statements.flatMap(({ text, operands, body, otherwise }) => {
    const line = indent + printCode({ text, operands });
    if (!body) return [line];
    const inner = printBody(body, `${indent}  `);
    const alternative = otherwise ? [`${indent}} else {`, ...printBody(otherwise, `${indent}  `)] : [];
    return [`${line} {`, ...inner, ...alternative, `${indent}}`];
  });
}

function printCode({ text, operands }: Pick<Code, 'text' | 'operands'>): string {
  if (operands.length === 0) return text;
  const [first] = operands;
  if (text.endsWith('=') && first) return `${text} ${printCode(first)}`;
  if (text === 'if' && first) return `if ${printCode(first)}`;
  if (text.startsWith('br_if') && first) return `${text} ${printCode(first)}`;
  return `${text}(${operands.map(printCode).join(', ')})`;
}
