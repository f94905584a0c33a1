import { dtypeHint, dtypes, isDType } from '../base/dtype.ts';
import { oneOf } from '../base/kinds.ts';
import type { OpRecord } from '../ir/record.ts';
import type { Value } from '../kernel/ir.ts';
import { lowerElementwise } from './elementwiseRecord.ts';
import { fail, perElement } from './rules.ts';

export const cast: OpRecord = {
  name: 'cast',
  doc: 'converts to attribute dtype; floats are cut towards 0, bools are 0 and 1, x ≠ 0 becomes true',
  kind: 'elementwise',
  idle: true,
  arity: 1,
  attributes: { dtype: oneOf(...dtypes) },
  shape([x], { dtype }) {
    if (!isDType(dtype)) {
      return fail('FROND-S019', `cast: ${JSON.stringify(dtype)} is not a dtype`, dtypeHint);
    }
    return [{ dtype, shape: x?.shape ?? [] }];
  },
  vjp(b, { inputs: [x], gradients: [dy], attributes: { dtype } }) {
    if (x === undefined || dy === undefined) return [undefined];
    const from = b.typeOf(x).dtype;
    const floating = [from, dtype].every((type) => type === 'f32' || type === 'f16');
    return [floating ? b.one('cast', [dy], { dtype: from }) : undefined];
  },
  emit(k, [x], { dtype }) {
    const value = x as Value;
    if (dtype === 'bool') return value.dtype === 'bool' ? value : k.map('ne', value, 0);
    return k.cast(value, dtype === 'f16' ? 'f32' : (dtype as 'f32' | 'i32' | 'u32'));
  },
  lower: (context) => lowerElementwise(cast, context),
  cost: perElement(0),
};
