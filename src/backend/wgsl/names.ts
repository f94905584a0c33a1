import { type ByOp, byOp, spansOf } from '../../kernel/flow.ts';
import type { ElementwiseName, Value } from '../../kernel/ir.ts';
import { HELPER_NAMES } from './functions.ts';

/** Keywords and reserved words of WGSL (W3C, §15.4 and §15.5) that a kernel's author might use as a name. */
const RESERVED = new Set([
  ...HELPER_NAMES,
  ...(
    'alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let ' +
    'loop override requires return struct switch true var while ' +
    'NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class ' +
    'co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval ' +
    'constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export ' +
    'extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl ' +
    'implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut ' +
    'mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of ' +
    'operator package packoffset partition pass patch pixelfragment precise precision premerge priv protected pub public ' +
    'readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm ' +
    'static static_assert static_cast std subroutine super target template this thread_local throw trait try type ' +
    'typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with ' +
    'writeonly yield ' +
    // predeclared names that the text uses, and the names of the module's own declarations
    'bool f16 f32 i32 u32 vec2 vec3 vec4 vec2u vec3u array bitcast select min max abs floor ceil round sqrt inverseSqrt exp log tanh sin cos ' +
    'fma clamp workgroupBarrier storageBarrier workgroupUniformLoad main Launch launch program group groups local lane tx ty ' +
    'subgroupShuffleXor subgroup subgroup_lane subgroup_size'
  ).split(' '),
]);

/** Names of workgroup memory, uniform fields and program indices. */
const GENERATED =
  /^((left_tile|right_tile|parts|positions|exchange)(_(i32|u32|bool))?(_vec4)?|(uniform|grid|program)_\d+)$/;

/** `wanted`, or it with an underscore or number behind it where WGSL or `taken` has that name already. */
export function freeName(wanted: string, taken: (name: string) => boolean): string {
  let base = wanted.replace(/\W/g, '_').replace(/_{2,}/g, '_');
  if (!/^[A-Za-z]/.test(base)) base = `v${base}`;
  if (RESERVED.has(base) || GENERATED.test(base)) base = `${base}_`;
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base.replace(/_$/, '')}_${i}`;
    if (!taken(name)) return name;
  }
}

/** Names for what element-wise functions give, where the text needs one. */
const NOUNS: Record<ElementwiseName, string> = {
  add: 'sum',
  sub: 'difference',
  mul: 'product',
  div: 'quotient',
  rem: 'remainder',
  min: 'smaller',
  max: 'larger',
  neg: 'negated',
  abs: 'magnitude',
  floor: 'floored',
  ceil: 'ceiling',
  round: 'rounded',
  exp: 'exponential',
  log: 'logarithm',
  log1p: 'logarithm_past_one',
  sin: 'sine',
  cos: 'cosine',
  powr: 'power',
  sqrt: 'root',
  rsqrt: 'inverse_root',
  tanh: 'tangent',
  erf: 'error_function',
  erfcx: 'scaled_tail',
  lt: 'below',
  le: 'within',
  eq: 'equal',
  ne: 'different',
  and: 'both',
  or: 'either',
  not: 'inverse',
  select: 'chosen',
  isFinite: 'finite',
  isNaN: 'not_a_number',
  bitAnd: 'bits',
  bitOr: 'merged',
  bitXor: 'mixed',
  shiftLeft: 'shifted',
  shiftRight: 'shifted',
};

const NOUNS_OF_OPS: Partial<ByOp<string>> = {
  elementwise: ({ fn }) => NOUNS[fn],
  load: ({ buffer }) => `${buffer.name}_value`,
  reduce: ({ combine, over }) => `${combine}_over_${over.map(({ name }) => name).join('')}`,
  dot: ({ over }) => `dot_over_${over.name}`,
  rename: ({ to }) => `along_${to.name}`,
  cast: ({ dtype }) => `as_${dtype}`,
  induction: () => 'iteration',
  random: () => 'word',
  inside: () => 'inside',
};

/** What scalars are called that are the ends of a span. */
export function spanNames(values: readonly Value[]): ReadonlyMap<Value, string> {
  const names = new Map<Value, string>();
  for (const value of values) {
    const spans = value.op === 'inside' ? [value.span] : value.op === 'load' ? spansOf(value.terms) : [];
    for (const { axis, start, limit } of spans) {
      if (!names.has(start)) names.set(start, `${axis.name}_start`);
      if (!names.has(limit)) names.set(limit, `${axis.name}_limit`);
    }
  }
  return names;
}

/** A name that says what `value` is, as far as the kernel's source tells. */
export const nameFor = ({ spanNames }: { spanNames: ReadonlyMap<Value, string> }, value: Value): string =>
  value.label ?? spanNames.get(value) ?? byOp(NOUNS_OF_OPS, value) ?? 'value';
