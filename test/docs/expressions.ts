import type { DType } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Attributes, Graph, Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';

/** Numbers, lists of them, and calls: what an expression of `docs/numerics.md` consists of. */
export type Term =
  | number
  | readonly Term[]
  | string
  | { readonly call: string; readonly args: readonly Term[] };

const WORDS: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  NaN: Number.NaN,
};

/** Reads `f(1e-3, [1, NaN], g(x))`. */
export function readTerm(text: string): Term {
  const tokens = text.match(/[^\s,()[\]]+|[()[\]]/g) ?? [];
  const next = (): Term => {
    const token = defined(tokens.shift(), `a term in ${text}`);
    if (token === '[') return until(']');
    const number = WORDS[token] ?? Number(token);
    if (!Number.isNaN(number) || token === 'NaN') return number;
    if (tokens[0] !== '(') return token;
    tokens.shift();
    return { call: token, args: until(')') };
  };
  const until = (end: string): Term[] => {
    const terms: Term[] = [];
    while (defined(tokens[0], `${end} in ${text}`) !== end) terms.push(next());
    tokens.shift();
    return terms;
  };
  return next();
}

const shapeOf = (term: Term): number[] =>
  Array.isArray(term) ? [term.length, ...(term.length > 0 ? shapeOf(term[0]) : [])] : [];
const flat = (term: Term): number[] => (Array.isArray(term) ? term.flatMap(flat) : [Number(term)]);

const TYPES: readonly string[] = ['f16', 'i32', 'u32', 'bool'];

/** Attributes of the ops that need some: reductions are over everything, the others over the last axis. */
function attributesOf(call: string, rank: number): Attributes {
  const axes = Array.from({ length: rank }, (_, i) => i);
  return ['sum', 'max', 'mean'].includes(call) ? { axes, keepDims: false } : {};
}

/**
 * The graph of an expression, its result the output `y`, and what it is fed with. Numbers and lists are fed as f32, so that
 * nothing is folded; `i32(7)` feeds another type, `constant(…)` puts what is in it into the graph instead, `cast(x, i32)`
 * converts, `repeat(n, x)` is a list of n times x, and `grad(…)` is the gradient of the sum of what is in it for the first tensor fed. Sizes of lists are named by
 * their length, `n2`, as those of a batch are.
 */
export function graphOf(expression: string): { readonly graph: Graph; readonly feeds: Feeds } {
  const b = new GraphBuilder('numerics', ops);
  const feeds: Record<string, TensorValue> = {};
  const literal = (term: Term, dtype: DType, isFed: boolean): Ref => {
    const [shape, data] = [shapeOf(term), flat(term)];
    if (!isFed) return b.constant(shape.length === 0 ? Number(term) : data, { dtype, shape });
    const name = `x${Object.keys(feeds).length}`;
    feeds[name] = { dtype, shape, data };
    return b.input(name, { dtype, shape: shape.map((size) => `n${size}`) });
  };
  const build = (term: Term, isFed: boolean): Ref => {
    if (typeof term === 'number' || Array.isArray(term)) return literal(term, 'f32', isFed);
    const { call, args } = term as Exclude<Term, number | string | readonly Term[]>;
    const [first = 0] = args;
    if (TYPES.includes(call)) return literal(first, call as DType, isFed);
    if (call === 'constant') return build(first, false);
    if (call === 'repeat')
      return literal(new Array<Term>(Number(first)).fill(defined(args[1], 'what repeats')), 'f32', isFed);
    if (call === 'cast') return b.one('cast', [build(first, isFed)], { dtype: String(args[1]) });
    const operands = args.map((arg) => build(arg, isFed));
    const rank = b.typeOf(defined(operands[0], `an operand of ${call}`)).shape.length;
    return b.one(call, operands, attributesOf(call, rank));
  };
  const term = readTerm(expression);
  if (typeof term !== 'object' || !('call' in term) || term.call !== 'grad') {
    b.output('y', build(term, true));
    return { graph: b.finish(), feeds };
  }
  const y = build(defined(term.args[0], 'what grad is of'), true);
  b.output('loss', b.sum(y, [...b.typeOf(y).shape.keys()]));
  const { graph, gradients } = differentiate(b.finish(), ops, { loss: 'loss', wrt: ['x0'] });
  return { graph: { ...graph, outputs: { y: defined(gradients.x0, 'gradient') } }, feeds };
}

const plain = (text: string): string =>
  text.replaceAll(/[`\s]/g, '').replaceAll('−', '-').replaceAll('∞', 'inf');

/** Whether a number is what a cell says: as many digits as stand there, the sign of zero included. */
function isNumber(got: number, text: string): boolean {
  const wanted = WORDS[text] ?? Number(text);
  if (Number.isNaN(wanted)) return text === 'NaN' && Number.isNaN(got);
  if (wanted === 0 || !Number.isFinite(wanted) || /^-?\d+$/.test(text)) return Object.is(got, wanted);
  const digits = text.replace(/e.*$/, '').replaceAll(/[-.]/g, '').replace(/^0+/, '').length;
  return Number(got.toPrecision(digits)) === wanted;
}

/** Whether a result, or the code of an error, is what a cell says: `2.06e-9`, `[1, NaN]`, `0 or -0`, `R026`, `anything`. */
export function isAsSaid(got: readonly number[] | string, cell: string): boolean {
  return plain(cell.replaceAll(' or ', '|'))
    .split('|')
    .some((text) => {
      if (text === 'anything') return true;
      if (typeof got === 'string') return got === `FROND-${text}`;
      const wanted = text.replaceAll(/[[\]]/g, '').split(',');
      if (text === '[]') return got.length === 0;
      return wanted.length === got.length && got.every((x, i) => isNumber(x, wanted[i] ?? ''));
    });
}
