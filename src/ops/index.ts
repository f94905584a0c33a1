import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { errorAtCall } from '../base/source.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import * as attention from './attention.ts';
import * as copies from './copies.ts';
import * as crf from './crf.ts';
import * as crossEntropy from './crossEntropy.ts';
import { elementwise, registryOf } from './elementwiseOps.ts';
import { fused } from './expression.ts';
import * as gather from './gather.ts';
import * as layerNorm from './layerNorm.ts';
import * as matmul from './matmul.ts';
import * as reductions from './reductions.ts';
import * as reshape from './reshape.ts';
import * as slice from './slice.ts';
import * as softmax from './softmax.ts';
import * as sources from './sources.ts';
import * as statistics from './statistics.ts';
import { accumulate, adamW } from './update.ts';
import * as windows from './windows.ts';

/** All that these files export are ops. */
const files = [
  sources,
  matmul,
  reductions,
  statistics,
  reshape,
  copies,
  slice,
  gather,
  softmax,
  layerNorm,
  attention,
  crossEntropy,
  crf,
  windows,
];

const records = registryOf([
  ...elementwise.values(),
  fused(elementwise),
  ...files.flatMap((file) => Object.values<OpRecord>(file)),
  accumulate,
  adamW,
]);

/** Every op by name: those of frond, and those that a program defined. */
export const ops: OpRegistry = records;

/** how many were defined so far */
let editions = 0;

/**
 * Adds an op under a name; `make` makes its record with that edition.
 * @throws FROND-S030 where an op has that name
 */
export function addOp(name: string, make: (edition: number) => OpRecord): void {
  const known = ops.get(name);
  if (known !== undefined) {
    const hint = known.edition === undefined ? 'choose another name' : `forgetOp('${name}') makes it free`;
    throw errorAtCall('FROND-S030', `there is an op ${name} already`, hint);
  }
  const record = make(++editions);
  records.set(name, record);
  if (record.kind === 'elementwise') elementwise.set(name, record);
}

/**
 * Takes an op that `defineOp` made out again, as a notebook does before it defines it anew. What was compiled with it runs on.
 * @throws FROND-S030 where there is none of that name, or it is one of frond's
 */
export function forgetOp(name: string): void {
  checkArguments('forgetOp', { name: is.name }, [name], 'FROND-S030');
  if (ops.get(name)?.edition === undefined)
    throw errorAtCall(
      'FROND-S030',
      `no op called ${name} was defined`,
      'give a name that defineOp was given',
    );
  records.delete(name);
  elementwise.delete(name);
}
