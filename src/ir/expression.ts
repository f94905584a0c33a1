import type { DType } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import type { Attribute, Attributes } from './graph.ts';

/**
 * One entry of the program of a fused element-wise function. Arguments are numbered: operand i for i < operands, else instruction
 * i − operands.
 * An instruction of op `constant` has no arguments and attributes `{ value: number, dtype }`: scalars of the graph live in the kernel's
 * text instead of taking a buffer.
 */
export interface Instruction {
  readonly op: string;
  readonly args: readonly number[];
  readonly attributes?: Attributes | undefined;
}

/** The op that fusion makes of a cluster of element-wise nodes. */
export const FUSED = 'pointwise';

/**
 * What attribute `expression` of `pointwise` and attribute `epilogue` of other ops hold. The last instruction is the result, unless
 * attribute `results` names several. Operands of `pointwise` are its inputs; operands of an epilogue are the op's own first
 * result (0), then the inputs that follow the op's own.
 */
export type Expression = readonly Instruction[];

/** A constant inside an expression. */
export const constantInstruction = (value: number, dtype: DType): Instruction => ({
  op: 'constant',
  args: [],
  attributes: { value, dtype },
});

/** An expression as an attribute: plain data without absent fields. */
export const expressionAttribute = (instructions: Expression): Attribute =>
  instructions.map(({ op, args, attributes }) =>
    attributes === undefined || Object.keys(attributes).length === 0
      ? { op, args }
      : { op, args, attributes },
  );

/**
 * Reads it back. @throws FROND-I007 when the attribute is no expression, or an instruction reads what is not computed before it.
 */
export function readExpression(attribute: Attribute | undefined, operands: number): Expression {
  if (!Array.isArray(attribute) || attribute.length === 0)
    throw malformed('it must be a list of instructions');
  return attribute.map((instruction, index) => {
    if (!isInstruction(instruction))
      throw malformed(`instruction ${index} needs an op and the numbers of its arguments`);
    const stray = instruction.args.find(
      (arg) => !Number.isInteger(arg) || arg < 0 || arg >= operands + index,
    );
    if (stray !== undefined)
      throw malformed(`instruction ${index} (${instruction.op}) reads argument ${stray}`);
    return instruction;
  });
}

/**
 * Attribute `results`: the instructions, counted from 0, whose values are the results; by default the last one alone.
 * @throws FROND-I007 when it names no instruction
 */
export function readResults(attribute: Attribute | undefined, instructions: Expression): readonly number[] {
  if (attribute === undefined) return [instructions.length - 1];
  const isNumber = (value: Attribute): value is number => typeof value === 'number' && value in instructions;
  if (Array.isArray(attribute) && attribute.length > 0 && attribute.every(isNumber)) return attribute;
  throw malformed('its results must be numbers of instructions');
}

/** Attribute `results`, absent where the last instruction alone is the result. */
export const resultsAttribute = (instructions: Expression, results: readonly number[]): Attributes =>
  results.length === 1 && results[0] === instructions.length - 1 ? {} : { results };

const malformed = (what: string): FrondError =>
  new FrondError('FROND-I007', `an element-wise expression is malformed: ${what}`);

function isInstruction(value: Attribute): value is Attribute & Instruction {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { op, args, attributes } = value as { readonly [key: string]: Attribute };
  const plain = attributes === undefined || (typeof attributes === 'object' && !Array.isArray(attributes));
  return (
    typeof op === 'string' && Array.isArray(args) && args.every((arg) => typeof arg === 'number') && plain
  );
}
