import { FrondError } from './errors.ts';

/*
 * The normal form of a size: a sum of products of names with whole factors, over a product that does not divide it. Two
 * expressions that are equal whatever the names stand for have one form, and so one text: `2*time-2`, `batch*time+1`,
 * `(time+1)/4`. Terms stand in the order of their names, added ones before subtracted ones, numbers last; `dsl/types/dimension.ts`
 * has the same form at the level of types.
 */

/** `count` times the product of the factors, which are sorted: names, or what is opaque, such as `ceil(rows, 16)`. */
interface Term {
  readonly factors: readonly string[];
  readonly count: number;
}
type Sum = readonly Term[];

/** `sum` / (`divisor` · the product of `under`): names, and sums in parentheses. */
export interface Form {
  readonly sum: Sum;
  readonly divisor: number;
  readonly under: readonly string[];
}

/** More terms than this are nobody's: `(a+b)*(c+d)*…` doubles them with each factor. */
const MOST_TERMS = 1000;

function tooLarge(): FrondError {
  return new FrondError('FROND-S023', `a size has more than ${MOST_TERMS} terms, or a number beyond 2^53`, {
    hint: 'give a part of it a name of its own',
  });
}

const whole = (sum: Sum): Form => ({ sum, divisor: 1, under: [] });
export const numberForm = (count: number): Form => whole(count === 0 ? [] : [{ factors: [], count }]);
export const nameForm = (name: string): Form => whole([{ factors: [name], count: 1 }]);

// ---- sums

/** Terms of the same factors as one, in order. */
function collect(terms: Sum): Sum {
  const found = new Map<string, Term>();
  for (const { factors, count } of terms) {
    const key = factors.join('*');
    const all = count + (found.get(key)?.count ?? 0);
    if (!Number.isSafeInteger(all)) throw tooLarge();
    if (all === 0) found.delete(key);
    else found.set(key, { factors, count: all });
  }
  const order = [...found.keys()].sort((x, y) => (x === '' || (y !== '' && y < x) ? 1 : -1));
  return order.flatMap((key) => found.get(key) ?? []);
}

function multiply(x: Sum, y: Sum): Sum {
  if (x.length * y.length > MOST_TERMS) throw tooLarge();
  return collect(
    x.flatMap((a) =>
      y.map((b) => ({ factors: [...a.factors, ...b.factors].sort(), count: a.count * b.count })),
    ),
  );
}

const counts = (sum: Sum, change: (count: number) => number): Sum =>
  sum.map(({ factors, count }) => ({ factors, count: change(count) }));

/** `factors` without all of `others`, or undefined where one is missing */
function without(factors: readonly string[], others: readonly string[]): string[] | undefined {
  const left = [...factors];
  for (const factor of others) {
    const at = left.indexOf(factor);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return left;
}

/** The term of the highest degree; of several the one whose names come first. */
const leading = (sum: Sum): Term | undefined =>
  sum.reduce<Term | undefined>((best, term) => {
    if (best === undefined || term.factors.length > best.factors.length) return term;
    if (term.factors.length < best.factors.length) return best;
    const at = term.factors.findIndex((factor, i) => factor !== best.factors[i]);
    return (term.factors[at] ?? '') < (best.factors[at] ?? '') ? term : best;
  }, undefined);

/** x / y where that is a sum again (long division, as on paper), else undefined */
function quotient(x: Sum, y: Sum): Sum | undefined {
  const divisor = leading(y);
  if (divisor === undefined) return undefined;
  const parts: Term[] = [];
  let rest = x;
  for (let top = leading(rest); top !== undefined; top = leading(rest)) {
    const factors = without(top.factors, divisor.factors);
    const count = top.count / divisor.count;
    if (factors === undefined || !Number.isInteger(count)) return undefined;
    parts.push({ factors, count });
    rest = collect([...rest, ...multiply([{ factors, count: -count }], y)]);
  }
  return collect(parts);
}

const gcd = (x: number, y: number): number => (y === 0 ? Math.abs(x) : gcd(y, x % y));
const contentOf = (sum: Sum, first = 0): number => sum.reduce((all, { count }) => gcd(all, count), first);

// ---- quotients

/** What stands below the line, as a sum: a name, or what stands in parentheses. */
type Read = (text: string) => Form;

/** Cancels what divides sum and divisor alike. */
function reduced({ sum, divisor, under }: Form, read: Read): Form {
  if (sum.length === 0) return whole([]);
  let left = sum;
  const kept = under.filter((factor) => {
    const next = quotient(left, read(factor).sum);
    left = next ?? left;
    return next === undefined;
  });
  const common = contentOf(left, divisor);
  return { sum: counts(left, (count) => count / common), divisor: divisor / common, under: kept.sort() };
}

export const timesForm = (x: Form, y: Form, read: Read): Form =>
  reduced(
    {
      sum: multiply(x.sum, y.sum),
      divisor: x.divisor * y.divisor,
      under: [...x.under, ...y.under],
    },
    read,
  );

/** x + sign · y */
export function plusForm(x: Form, y: Form, sign: 1 | -1, read: Read): Form {
  const added = counts(y.sum, (count) => sign * count);
  const same = x.divisor === y.divisor && x.under.join('*') === y.under.join('*');
  if (same) return reduced({ ...x, sum: collect([...x.sum, ...added]) }, read);
  const below = ({ divisor, under }: Form): Sum =>
    under.reduce((all, factor) => multiply(all, read(factor).sum), numberForm(divisor).sum);
  return reduced(
    {
      sum: collect([...multiply(x.sum, below(y)), ...multiply(added, below(x))]),
      divisor: x.divisor * y.divisor,
      under: [...x.under, ...y.under],
    },
    read,
  );
}

/** x / y; y is not 0 */
export function overForm(x: Form, y: Form, read: Read): Form {
  const divisor = contentOf(y.sum);
  const [first, ...more] = y.sum;
  const shared: string[] = [];
  for (const factor of first?.factors ?? []) {
    const tried = [...shared, factor];
    if (more.every(({ factors }) => without(factors, tried) !== undefined)) shared.push(factor);
  }
  const rest = y.sum.map(({ factors, count }) => ({
    factors: without(factors, shared) ?? factors,
    count: count / divisor,
  }));
  const others = rest.length > 1 ? [`(${sumText(collect(rest))})`] : [];
  const above = y.under.reduce(
    (all, factor) => multiply(all, read(factor).sum),
    multiply(x.sum, numberForm(y.divisor).sum),
  );
  return reduced(
    { sum: above, divisor: x.divisor * divisor, under: [...x.under, ...shared, ...others] },
    read,
  );
}

// ---- text

const termText = ({ factors, count }: Term): string =>
  Math.abs(count) === 1 && factors.length > 0 ? factors.join('*') : [Math.abs(count), ...factors].join('*');

function sumText(sum: Sum): string {
  const added = sum.filter(({ count }) => count > 0).map(termText);
  const subtracted = sum.filter(({ count }) => count < 0).map((term) => `-${termText(term)}`);
  return `${added.join('+') || 0}${subtracted.join('')}`;
}

/** A number, or the text of the form. */
export function printForm({ sum, divisor, under }: Form): number | string {
  const [first] = sum;
  const below = [...(divisor === 1 ? [] : [divisor]), ...under];
  if (below.length === 0) {
    if (sum.length === 0) return 0;
    return sum.length === 1 && first?.factors.length === 0 ? first.count : sumText(sum);
  }
  const above = sum.length > 1 || (first?.count ?? 0) < 0 ? `(${sumText(sum)})` : sumText(sum);
  return `${above}/${below.length > 1 ? `(${below.join('*')})` : below[0]}`;
}
