import type { ElementwiseName, Value, ValueType } from '../../kernel/ir.ts';
import type { Helper, Printer } from './printer.ts';
import { atom, compound, type Text, wrap } from './text.ts';

const INFIX: Partial<Record<ElementwiseName, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  rem: '%',
  lt: '<',
  le: '<=',
  eq: '==',
  // not && and ||: those branch, and software Vulkan compiles branches slowly
  and: '&',
  or: '|',
  bitAnd: '&',
  bitXor: '^',
};

/** A call of a function of the module. */
function call(p: Printer, helper: Helper, name: string, args: readonly Text[]): Text {
  p.helpers.add(helper);
  return atom(`${name}(${args.map(({ text }) => text).join(', ')})`);
}

/** The larger or smaller of two, NaN where one of them is NaN: WGSL's own may give the other. */
export function extremeOf(
  p: Printer,
  fn: 'max' | 'min',
  dtype: ValueType,
  lanes: 1 | 4,
  [x, y]: readonly [string, string],
): string {
  if (dtype !== 'f32') return `${fn}(${x}, ${y})`;
  p.helpers.add(lanes === 4 ? `${fn}4` : fn);
  return `${fn}_f32${lanes === 4 ? 'x4' : ''}(${x}, ${y})`;
}

type Transcendental = 'exp' | 'log' | 'tanh' | 'erf' | 'erfcx';

function transcendental(p: Printer, name: Transcendental, args: readonly Text[]): Text {
  const isBuiltin = name !== 'erf' && name !== 'erfcx' && p.options.transcendentals === 'builtin';
  if (isBuiltin) return atom(`${name}(${args[0]?.text})`);
  return call(p, name, `${name}_f32`, args);
}

/** Only a divisor that is known here is known not to be zero. */
const divided = (p: Printer, args: readonly Text[], dtype: ValueType): Text =>
  dtype === 'f32' || /^[1-9]\d*u?$/.test(args[1]?.text ?? '')
    ? compound(args.map(wrap).join(' / '))
    : call(p, dtype === 'u32' ? 'divideU32' : 'divideI32', `divide_${dtype}`, args);

/** The type by which a row of the element-wise table is read. */
export const argumentType = (args: readonly Value[]): ValueType => args.at(-1)?.dtype ?? 'f32';

/** One row of the element-wise table over arguments already written, of type `dtype`. */
export function applied(p: Printer, fn: ElementwiseName, args: readonly Text[], dtype: ValueType): Text {
  const [x, y, z] = args.map((arg) => arg.text) as [string, string, string];
  const infix = INFIX[fn];
  if (infix !== undefined) return compound(args.map(wrap).join(` ${infix} `));
  switch (fn) {
    case 'div':
      return divided(p, args, dtype);
    case 'ne':
      // != is false for NaN
      return dtype === 'f32'
        ? compound(`!(${args.map(wrap).join(' == ')})`)
        : compound(args.map(wrap).join(' != '));
    case 'neg':
      return compound(`${dtype === 'u32' ? '0u - ' : '-'}${wrap(args[0] ?? atom(x))}`);
    case 'not':
      return compound(`!${wrap(args[0] ?? atom(x))}`);
    case 'select':
      return atom(`select(${z}, ${y}, ${x})`);
    case 'min':
    case 'max':
      return atom(extremeOf(p, fn, dtype, 1, [x, y]));
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
    case 'isFinite':
      return call(p, fn, 'is_finite', args);
    case 'isNaN':
      return call(p, 'isNan', 'is_nan', args);
    default:
      return transcendental(p, fn as Transcendental, args);
  }
}
