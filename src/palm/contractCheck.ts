import { checkOptions } from '../base/arguments.ts';
import { type Dim, evaluate, namesOf, printShape, type Sizes } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import type { Declaration, Outputs } from '../dsl/graph.ts';
import type { Graph } from '../ir/graph.ts';
import type { Backbone, Batch, Head, HeadNeeds, Reader, Specs } from './contract.ts';
import { backboneKind, headKind, readerKind } from './settings.ts';

/**
 * A size that a component does not mind, such as the width of the backbone under a head. The compiler knows it as any number.
 */
export const anySize: number = -1;

export type Spec = Declaration;

export const printSpec = ({ dtype, shape }: Spec): string =>
  `${dtype}${printShape(shape.map((dim) => (dim === anySize ? 'any' : dim)))}`;
const printSpecs = (specs: Specs): string =>
  Object.entries(specs)
    .map(([name, spec]) => `${name}: ${printSpec(spec)}`)
    .join(', ') || 'nothing';

export const fits = (needed: Spec, given: Spec): boolean =>
  needed.dtype === given.dtype &&
  needed.shape.length === given.shape.length &&
  needed.shape.every((dim, i) => dim === anySize || dim === given.shape[i]);

function compare(needer: string, needs: Specs, giver: string, gives: Specs): void {
  const hint = `${giver} gives ${printSpecs(gives)}`;
  for (const [name, needed] of Object.entries(needs)) {
    const given = own(gives, name);
    const wanted = `${needer} needs ${name}: ${printSpec(needed)}`;
    if (given === undefined) {
      throw new FrondError('FROND-C001', `${wanted}, which ${giver} does not give`, { hint });
    }
    if (fits(needed, given)) continue;
    const code = given.dtype === needed.dtype ? 'FROND-C003' : 'FROND-C002';
    throw new FrondError(code, `${wanted}, but ${giver} gives ${printSpec(given)}`, { hint });
  }
}

/**
 * The most words that both sides allow: no batch is longer, padding included.
 * @throws FROND-C006 for a limit that is not a positive whole number, D019 for a reader whose sentences may be longer than the model takes
 */
export function maximumOf(
  reader: Pick<Reader, 'name' | 'maximumLength'>,
  taker: string,
  most: number | undefined,
): number {
  const { name, maximumLength = most ?? Number.POSITIVE_INFINITY } = reader;
  const limits = [[taker, most] as const, [`reader ${name}`, reader.maximumLength] as const];
  for (const [whose, limit] of limits) {
    if (limit === undefined || is.count.holds(limit)) continue;
    throw new FrondError('FROND-C006', `${whose}: maximumLength is ${limit}`, {
      hint: 'it is the most words of a sentence, a whole number from 1 on; leave it out where there is no limit',
    });
  }
  if (most === undefined || maximumLength <= most) return maximumLength;
  throw new FrondError(
    'FROND-D019',
    `${taker} takes ${most} words, but reader ${name} gives up to ${maximumLength}`,
    { hint: 'give both the same maximumLength' },
  );
}

/**
 * Two that mean different things by one id would learn and report the wrong labels without a sign of it.
 * @throws FROND-C012 naming the first id that they differ in
 */
export function checkNames(head: Head, reader: Reader): void {
  for (const [tensor, wanted] of Object.entries(head.names ?? {})) {
    const names = own(reader.names, tensor) ?? wanted;
    const longer = names.length > wanted.length ? names : wanted;
    const id = longer.findIndex((_, i) => names[i] !== wanted[i]);
    if (id < 0) continue;
    const [ours, theirs] = [wanted[id], names[id]].map((name) => JSON.stringify(name) ?? 'nothing');
    throw new FrondError(
      'FROND-C012',
      `head ${head.name} calls id ${id} of ${tensor} ${ours}, reader ${reader.name} calls it ${theirs}`,
      { hint: `give the head the names of the reader, in their order: reader.names.${tensor}` },
    );
  }
}

/** @throws FROND-C013 where the reader has more names for ids than the backbone has places */
function compareCounts(backbone: Backbone, reader: Reader): void {
  for (const [tensor, count] of Object.entries(backbone.counts ?? {})) {
    const length = own(reader.names, tensor)?.length ?? 0;
    if (length <= count) continue;
    throw new FrondError(
      'FROND-C013',
      `backbone ${backbone.name} has a place for ${count} ids of ${tensor}, reader ${reader.name} gives ${length}`,
      { hint: `make room for reader.names.${tensor}.length` },
    );
  }
}

const meetingKinds = {
  reader: is.optional(readerKind),
  backbone: is.optional(backboneKind),
  head: is.optional(headKind),
};
/** Components that meet; those left out are not checked. */
export type Meeting = is.OptionsOf<typeof meetingKinds>;

/**
 * Checks reader → backbone, reader → head and backbone → head, where both are there.
 * @throws FROND-C001 for a missing tensor, C002 for an element type, C003 for a shape; names component, tensor and both sides;
 *   C012 for labels in another order, C013 for more ids and D019 for more words than the backbone has places for
 */
export function checkContract(meeting: Meeting): void {
  checkOptions('checkContract', meeting, meetingKinds);
  const { reader, backbone, head } = meeting;
  if (reader && backbone) {
    compare(`backbone ${backbone.name}`, backbone.needs, `reader ${reader.name}`, reader.gives);
    compareCounts(backbone, reader);
    maximumOf(reader, `backbone ${backbone.name}`, backbone.maximumLength);
  }
  if (head && backbone) {
    compare(`head ${head.name}`, head.needs.backbone, `backbone ${backbone.name}`, backbone.gives);
  }
  if (head && reader) {
    const needs = { ...head.needs.reader, ...head.needs.labels };
    compare(`head ${head.name}`, needs, `reader ${reader.name}`, reader.gives);
    checkNames(head, reader);
  }
}

/** Checks what a graph is fed with against what a reader gives. @throws FROND-C001, C002, C003 */
export function checkFeeds(who: string, { inputs, nodes }: Graph, reader: Reader): void {
  const needs = inputs.map((id) => [id, nodes[id]?.types[0]] as const);
  compare(who, Object.fromEntries(needs) as Specs, `reader ${reader.name}`, reader.gives);
}

/** @throws FROND-C008 when a head asks for one name twice, so that its functions could not tell them apart */
export function checkDistinct(head: string, needs: HeadNeeds): void {
  const names = Object.values(needs).flatMap((specs) => Object.keys(specs));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return;
  throw new FrondError('FROND-C008', `head ${head} needs ${twice} from two places`, {
    hint: 'a name may stand in one of needs.backbone, needs.reader and needs.labels',
  });
}

/**
 * Checks what a component's `build` returned against its declaration.
 * @throws FROND-C004 for a missing tensor, C005 for another element type or shape
 */
export function checkBuilt(component: string, gives: Specs, built: Outputs): void {
  for (const [name, declared] of Object.entries(gives)) {
    const tensor = own(built, name);
    if (tensor !== undefined && fits(declared, tensor)) continue;
    const what = `${component} declares ${name}: ${printSpec(declared)}, but build`;
    if (tensor === undefined) {
      throw new FrondError('FROND-C004', `${what} did not return it`, {
        hint: `build returned ${Object.keys(built).join(', ') || 'nothing'}`,
      });
    }
    throw new FrondError('FROND-C005', `${what} returned ${printSpec(tensor)}`, {
      hint: 'make the declaration in gives and the returned tensor agree',
    });
  }
}

/** @throws FROND-C007 when the loss of a head is no f32 scalar */
export function checkLoss(head: string, loss: Spec | undefined): void {
  if (loss?.dtype === 'f32' && loss.shape.length === 0) return;
  const found = loss === undefined ? 'missing' : printSpec(loss);
  throw new FrondError('FROND-C007', `head ${head}: the loss is ${found}, not an f32 scalar`, {
    hint: 'take the mean over the rows by weight',
  });
}

/**
 * Checks a packed batch against what its reader declares; gives the sizes of the named dimensions.
 * @throws FROND-C006 for a tensor that is missing, has another element type, or another size than declared or than its neighbours
 */
export function checkBatch({ name: reader, gives }: Reader, batch: Batch): Sizes {
  const sizes: Record<string, number> = {};
  const fail = (name: string, summary: string): never => {
    throw new FrondError('FROND-C006', `reader ${reader}, tensor ${name}: ${summary}`, {
      hint: `it declares ${printSpecs(gives)}`,
    });
  };
  const bind = (name: string, dim: Dim, size: number): void => {
    if (dim === anySize) return;
    if (typeof dim === 'string' && namesOf(dim)[0] === dim && !Object.hasOwn(sizes, dim)) sizes[dim] = size;
    const wanted = evaluate(dim, sizes);
    if (wanted !== size) fail(name, `${dim} is ${wanted}, the batch has ${size}`);
  };
  // pack may give nothing at all
  const packed: Partial<Batch> = batch ?? {};
  for (const [name, declared] of Object.entries(gives)) {
    const tensor = own(packed, name);
    if (tensor === undefined) return fail(name, 'not in the batch');
    if (tensor.dtype !== declared.dtype) fail(name, `declared ${declared.dtype}, packed ${tensor.dtype}`);
    if (tensor.shape.length !== declared.shape.length) fail(name, `packed as ${printShape(tensor.shape)}`);
    for (const [axis, dim] of declared.shape.entries()) bind(name, dim, tensor.shape[axis] ?? 0);
    const elements = tensor.shape.reduce((x, y) => x * y, 1);
    if (elements !== tensor.data.length)
      fail(name, `${tensor.data.length} numbers for ${printShape(tensor.shape)}`);
  }
  return sizes;
}
