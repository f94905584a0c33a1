import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { mapValues } from '../base/own.ts';
import type { GraphContext, Outputs } from '../dsl/graph.ts';
import type { Tensor } from '../dsl/tensor.ts';
import type { Tensors } from '../dsl/types/result.ts';
import type { TensorValue } from '../runtime/feeds.ts';
import type { Accumulator, Backbone, Batch, Head, Part, Reader, Specs } from './contract.ts';
import { checkContract, checkDistinct } from './contractCheck.ts';
import type { BackboneProblem, Checked, HeadProblem } from './contractTypes.ts';
import { partOf } from './parts.ts';
import { backboneKind, headKind, readerDefinitionKind, readerKind } from './settings.ts';

/** What a user writes for a reader: `Reader`, where a part may also be a list of examples. */
export interface ReaderDefinition<G extends Specs, E> extends Omit<Reader<G, E>, 'parts'> {
  readonly parts: Readonly<Record<string, Part<E> | readonly E[]>>;
}

/** A reader of one's own. */
export function defineReader<const G extends Specs, E>(definition: ReaderDefinition<G, E>): Reader<G, E> {
  checkArguments('defineReader', { definition: readerDefinitionKind }, [definition]);
  const partOfList = (part: Part<E> | readonly E[]): Part<E> =>
    'read' in part ? part : partOf(part, (example) => definition.length(example));
  return { ...definition, parts: mapValues(definition.parts, partOfList) };
}

/**
 * An encoder of one's own.
 *
 *     const bag = defineBackbone({
 *       name: 'bag',
 *       needs: { tokens: declare(i32, ['batch', 'time']) },
 *       gives: { sentence: declare(f32, ['batch', 64]) },
 *       build: (g, { tokens }) => ({ sentence: mean(gather(g.parameter('table', f32, [5000, 64], normal(0.02)), tokens), 1) }),
 *     });
 */
export function defineBackbone<const N extends Specs, const G extends Specs>(
  backbone: Backbone<N, G>,
): Backbone<N, G> {
  checkArguments('defineBackbone', { backbone: backboneKind }, [backbone]);
  return backbone;
}

const definitionKind = is.withFields('a head, with name, needs, build, loss, decode and score', {
  name: is.name,
  needs: is.withFields('needs', {
    backbone: is.object,
    reader: is.optional(is.object),
    labels: is.optional(is.object),
  }),
  score: is.callable,
});

type None = Readonly<Record<never, never>>;

/** What a user writes for a head: `Head`, with what `needs` leaves out being nothing, and every tensor typed. */
export interface HeadDefinition<
  B extends Specs,
  R extends Specs,
  L extends Specs,
  O extends Outputs,
  V extends Outputs,
  P,
  E,
  F,
> extends Pick<Head<B, R, L, P, E, F>, 'name' | 'names' | 'record' | 'weigh' | 'finish'> {
  readonly needs: { readonly backbone: B; readonly reader?: R; readonly labels?: L };
  build(g: GraphContext, inputs: Tensors<B & R>): O;
  loss(g: GraphContext, tensors: O & Tensors<B & R & L>): Tensor<'f32', []>;
  predict?(g: GraphContext, tensors: O & Tensors<B & R>): V;
  decode(values: { readonly [K in keyof V]: TensorValue }, batch: Batch<R>): readonly P[];
  score(): Accumulator<NoInfer<F>, E>;
}

/**
 * A head of one's own: see `Head`.
 * @throws FROND-C008 when one name is needed from two places
 */
export function defineHead<
  const B extends Specs,
  O extends Outputs,
  P,
  E,
  const R extends Specs = None,
  const L extends Specs = None,
  V extends Outputs = O,
  F = P,
>(definition: HeadDefinition<B, R, L, O, V, P, E, F>): Head<B, R, L, P, E, F> {
  checkArguments('defineHead', { definition: definitionKind }, [definition]);
  const { backbone, reader, labels } = definition.needs;
  // what a definition leaves out is the empty set of names, which the type None says
  const needs = { backbone, reader: reader ?? ({} as R), labels: labels ?? ({} as L) };
  checkDistinct(definition.name, needs);
  // the typed tensors of a definition are those that lossOf and predictionsOf hand over
  return { ...definition, needs } as unknown as Head<B, R, L, P, E, F>;
}

/**
 * Puts three components together. What does not fit is a type error at the argument to blame, and is found again at run time.
 * @throws FROND-C001 for a missing tensor, C002 for an element type, C003 for a shape, C012 for labels in another order,
 * C013 for more words in the vocabulary and D019 for more in a sentence than the backbone has places for
 */
export function register<R extends Reader, B extends Backbone, H extends Head>(
  reader: R,
  backbone: Checked<BackboneProblem<R, B>, B>,
  head: Checked<HeadProblem<R, B, H>, H>,
): { readonly reader: R; readonly backbone: B; readonly head: H } {
  const kinds = { reader: readerKind, backbone: backboneKind, head: headKind };
  checkArguments('register', kinds, [reader, backbone, head]);
  const connection = { reader, backbone: backbone as B, head: head as H };
  checkContract(connection);
  return connection;
}
