import type { Code } from './code.ts';
import type { ModuleBuilder, WasmFunction } from './encode.ts';

/**
 * The text form: one statement per line, operands as arguments, local variables by name, arithmetic on addresses and
 * indices with the usual signs. It says what the module does and is not read back; the standard's text form would take
 * three times as many lines.
 */
export function printModule({ functions }: ModuleBuilder): string {
  return `${functions.map(printFunction).join('\n\n')}\n`;
}

function printFunction({ name, builder, result, body }: WasmFunction): string {
  const parameters = builder.parameters.map((local) => `$${local.name}: ${local.result}`).join(', ');
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

const SIGNS: Readonly<Record<string, string>> = {
  'i32.add': '+',
  'i32.sub': '-',
  'i32.mul': '*',
  'i32.shl': '<<',
  'i32.shr_u': '>>',
  'i32.and': '&',
  'i32.lt_s': '<',
  'i32.le_s': '<=',
  'i32.ge_s': '>=',
};

function printCode({ text, operands }: Pick<Code, 'text' | 'operands'>): string {
  const [first, second] = operands;
  if (!first) return text;
  if (text.endsWith('=') || text === 'if' || text.startsWith('br_if')) return `${text} ${printCode(first)}`;
  const sign = SIGNS[text];
  if (sign && second) return `${printOperand(first, sign)} ${sign} ${printOperand(second)}`;
  return `${text}(${operands.map(printCode).join(', ')})`;
}

/** In parentheses where it has a sign of its own, but for sums of sums. */
function printOperand(operand: Code, outer?: string): string {
  const printed = printCode(operand);
  const isPlain = !(operand.text in SIGNS) && !operand.text.endsWith('=');
  return isPlain || (outer === '+' && operand.text === 'i32.add') ? printed : `(${printed})`;
}
