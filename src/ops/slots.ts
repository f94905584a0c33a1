import type { Slot } from '../ir/record.ts';

/** Operand `index` of the node that is lowered. */
export const input = (index: number): Slot => ({ kind: 'input', index });
/** Result `index` of the node that is lowered. */
export const output = (index = 0): Slot => ({ kind: 'output', index });
