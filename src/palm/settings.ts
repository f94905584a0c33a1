import { checkArguments, checkOptions } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import type { Backbone, Head, Reader } from './contract.ts';
import type { Listener } from './events.ts';

/**
 * Refuses settings that are missing, out of range, unknown or without effect.
 * @throws FROND-T002
 */
export function checkSettings<O extends object>(
  caller: string,
  settings: O,
  kinds: { readonly [K in keyof Required<O>]: is.Kind },
): void {
  checkOptions(caller, settings, kinds, 'FROND-T002');
}

// a reader, backbone or head: what the functions of PALM take need not be of a class
const partFields = { size: is.natural, lengthOf: is.callable, read: is.callable };
const onePart = is.withFields('a part, such as palm.partOf gives', partFields);
const partsOf = (part: is.Kind) => is.objectOf(part, `an object of parts by name, each ${part.what}`);
export const partsKind = partsOf(onePart);
const readerFields = { name: is.text, gives: is.object, parts: partsKind, pack: is.callable };
const definedParts = partsOf(is.either(is.listOf(is.unchecked, 'examples'), onePart));
const backboneFields = { name: is.text, needs: is.object, gives: is.object, build: is.callable };
const headFields = { name: is.text, needs: is.object, build: is.callable, loss: is.callable };
export const readerKind = is.typed<Reader>({
  ...is.withFields('a reader, such as palm.reader.jointReader gives', readerFields),
  advise: (given) =>
    Object.values(Object(Object(given).parts)).some(Array.isArray)
      ? 'its parts are lists: make it with palm.defineReader, or each part with palm.partOf(list, reader.length)'
      : undefined,
});
export const readerDefinitionKind = is.withFields('a reader, with name, gives, parts, length and pack', {
  ...readerFields,
  parts: definedParts,
  length: is.callable,
});
export const backboneKind = is.typed<Backbone>(
  is.withFields('a backbone, such as palm.backbone.compactEncoder gives', backboneFields),
);
export const headKind = is.typed<Head>(is.withFields('a head, such as palm.head.classify gives', headFields));
export const listener = is.optional(is.typed<Listener>(is.callable));
export const partKind: is.Kind<string> = { ...is.name, what: 'the name of a part, such as test' };
export const folderKind: is.Kind<string> = { ...is.name, what: 'the path of the run' };

/** @throws FROND-T002 for anything but the path of a folder */
export const checkFolder = (caller: string, folder: unknown): void =>
  checkArguments(caller, { folder: folderKind }, [folder], 'FROND-T002');

const inputsKind = is.listOf(is.either(is.text, is.object), "texts or examples, such as predict(['a text'])");
/** Texts, and examples of the reader. @throws FROND-T002 for anything but a list of them, such as one text */
export const checkInputs = (inputs: unknown): void =>
  checkArguments('predict', { inputs: inputsKind }, [inputs], 'FROND-T002');
