import { defined } from '../../base/errors.ts';
import { elementwise } from '../../kernel/elementwise.ts';
import type { ElementwiseName, Value, ValueType } from '../../kernel/ir.ts';
import type { Helper } from './functions.ts';
import type { Printer } from './printer.ts';
import { atom, compound, type Text, wrap } from './text.ts';

const infix = (sign: string, args: readonly Text[]): Text => compound(args.map(wrap).join(` ${sign} `));

/** A call of a function of the module. */
function call(p: Printer, helper: Helper, args: readonly Text[]): Text {
  p.helpers.add(helper);
  return atom(`${helper}(${args.map(({ text }) => text).join(', ')})`);
}

/** The larger or smaller of two, NaN where one of them is NaN: WGSL's own may give the other. */
export function extremeOf(
  p: Printer,
  fn: 'max' | 'min',
  dtype: ValueType,
  lanes: 1 | 4,
  args: readonly [string, string],
): string {
  if (dtype !== 'f32') return `${fn}(${args.join(', ')})`;
  return call(p, `${fn}_f32${lanes === 4 ? 'x4' : ''}`, args.map(atom)).text;
}

/** The type by which a row of the element-wise table is read. */
export const argumentType = (args: readonly Value[]): ValueType => args.at(-1)?.dtype ?? 'f32';

/** One row of the element-wise table over arguments already written, of type `dtype`. */
export function applied(p: Printer, fn: ElementwiseName, args: readonly Text[], dtype: ValueType): Text {
  const [x, y, z] = args.map((arg) => arg.text) as [string, string, string];
  switch (fn) {
    case 'div':
      // only a divisor that is known here is known not to be zero
      return dtype === 'f32' || /^[1-9]\d*u?$/.test(y)
        ? infix('/', args)
        : call(p, dtype === 'u32' ? 'divide_u32' : 'divide_i32', args);
    case 'ne':
      // != is false for NaN
      return dtype === 'f32' ? compound(`!(${infix('==', args).text})`) : infix('!=', args);
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
        ? infix('>>', args)
        : atom(`bitcast<i32>(bitcast<u32>(${x}) >> bitcast<u32>(${y}))`);
    case 'isFinite':
      return call(p, 'is_finite', args);
    case 'isNaN':
      return call(p, 'is_nan', args);
    case 'exp':
    case 'log':
    case 'tanh':
      return p.options.transcendentals === 'builtin' ? atom(`${fn}(${x})`) : call(p, `${fn}_f32`, args);
    case 'erf':
    case 'erfcx':
      return call(p, `${fn}_f32`, args);
    default:
      return infix(defined(elementwise[fn].sign, `operator of ${fn}`), args);
  }
}
