import type { CODES } from './codes.ts';

/** The code of an error that frond raises on purpose: codes.ts lists them all. */
export type ErrorCode = `FROND-${keyof typeof CODES}`;

/** A place in a file that a person can open: lines and columns count from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

export interface ErrorDetails {
  /** file, line and column of data, or of the user's code that made the node */
  readonly place?: SourcePlace | undefined;
  /** path of the graph node or kernel value concerned, such as `encoder/layer.0/attention` */
  readonly node?: string | undefined;
  /** what to do about it, one sentence */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** `file:line:column`, leaving out what is not known. */
export function printPlace(place: SourcePlace): string {
  return [place.file, place.line, place.column].filter((part) => part !== undefined).join(':');
}

/**
 * The one error class. Its message is complete in itself:
 *
 *     [FROND-S012] softmax: axis 3 is out of range for shape [2, 8, 30]
 *       at node encoder/attention (examples/ner.ts:41)
 *       hint: axes run -3..2
 */
export class FrondError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  /** the first line without its code */
  readonly summary: string;

  constructor(code: ErrorCode, summary: string, details: ErrorDetails = {}) {
    super(render(code, summary, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'FrondError';
    this.code = code;
    this.summary = summary;
    this.details = details;
  }

  /** The same error with more known about its place, as seen from further out. */
  with(details: ErrorDetails): FrondError {
    const known = Object.entries(this.details).filter(([, value]) => value !== undefined);
    return new FrondError(this.code, this.summary, { ...details, ...Object.fromEntries(known) });
  }
}

function render(code: ErrorCode, summary: string, { place, node, hint }: ErrorDetails): string {
  const lines = [`[${code}] ${summary}`];
  if (node !== undefined) lines.push(`  at node ${node}${place ? ` (${printPlace(place)})` : ''}`);
  else if (place !== undefined) lines.push(`  at ${printPlace(place)}`);
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.join('\n');
}

/** Narrows what cannot be absent unless frond itself is wrong; `what` names it in the field's terms. */
export function defined<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) {
    throw new FrondError('FROND-X001', `missing ${what}`, {
      hint: 'this is a defect of frond, please report it with the program that led here',
    });
  }
  return value;
}
