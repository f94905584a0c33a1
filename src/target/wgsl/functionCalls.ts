import type { ElementwiseName, ValueType } from '../../kernel/ir.ts';
import type { Printer } from './printer.ts';
import { atom, compound, type Text, wrap } from './text.ts';

const INFIX: Partial<Record<ElementwiseName, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  rem: '%',
  lt: '<',
  le: '<=',
  eq: '==',
  ne: '!=',
  // not && and ||: those branch, and software Vulkan compiles branches slowly
  and: '&',
  or: '|',
  bitAnd: '&',
  bitXor: '^',
};

function call(p: Printer, name: 'exp' | 'log' | 'tanh' | 'erf' | 'isFinite', x: string): Text {
  if (name !== 'erf' && name !== 'isFinite' && p.options.transcendentals === 'builtin')
    return atom(`${name}(${x})`);
  p.helpers.add(name);
  return atom(name === 'isFinite' ? `is_finite(${x})` : `${name}_f32(${x})`);
}

/** One row of the element-wise table over arguments already written. */
export function applied(p: Printer, fn: ElementwiseName, args: readonly Text[], dtype: ValueType): Text {
  const [x, y, z] = args.map((arg) => arg.text) as [string, string, string];
  const infix = INFIX[fn];
  if (infix !== undefined) return compound(args.map(wrap).join(` ${infix} `));
  switch (fn) {
    case 'neg':
      return compound(`-${wrap(args[0] ?? atom(x))}`);
    case 'not':
      return compound(`!${wrap(args[0] ?? atom(x))}`);
    case 'select':
      return atom(`select(${z}, ${y}, ${x})`);
    case 'min':
    case 'max':
      return atom(`${fn}(${x}, ${y})`);
    case 'sqrt':
    case 'abs':
    case 'floor':
      return atom(`${fn}(${x})`);
    case 'rsqrt':
      return atom(`inverseSqrt(${x})`);
    case 'shiftRight':
      return dtype === 'u32'
        ? compound(args.map(wrap).join(' >> '))
        : atom(`bitcast<i32>(bitcast<u32>(${x}) >> bitcast<u32>(${y}))`);
    default:
      return call(p, fn as 'exp' | 'log' | 'tanh' | 'erf' | 'isFinite', x);
  }
}
