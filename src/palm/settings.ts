import { checkArguments, checkOptions } from '../base/arguments.ts';
import {
  callable,
  either,
  type Kind,
  listOf,
  name,
  object,
  optional,
  text,
  typed,
  withFields,
} from '../base/kinds.ts';
import type { Backbone, Head, Reader } from './contract.ts';
import type { Listener } from './events.ts';

/**
 * Refuses settings that are missing, out of range, unknown or without effect.
 * @throws FROND-T002
 */
export function checkSettings<O extends object>(
  caller: string,
  settings: O,
  kinds: { readonly [K in keyof Required<O>]: Kind },
): void {
  checkOptions(caller, settings, kinds, 'FROND-T002');
}

/** A reader, backbone or head: what the functions of PALM take need not be of a class. */
export const readerKind = typed<Reader>(
  withFields('a reader, such as palm.reader.jointReader gives', {
    name: text,
    gives: object,
    parts: object,
    pack: callable,
  }),
);
export const backboneKind = typed<Backbone>(
  withFields('a backbone, such as palm.backbone.compactEncoder gives', {
    name: text,
    needs: object,
    gives: object,
    build: callable,
  }),
);
export const headKind = typed<Head>(
  withFields('a head, such as palm.head.classify gives', {
    name: text,
    needs: object,
    build: callable,
    loss: callable,
  }),
);
export const listener = optional(typed<Listener>(callable));
export const partKind: Kind<string> = { ...name, what: 'the name of a part, such as test' };
export const folderKind: Kind<string> = { ...name, what: 'the path of the run' };

/** @throws FROND-T002 for anything but the path of a folder */
export const checkFolder = (caller: string, folder: unknown): void =>
  checkArguments(caller, { folder: folderKind }, [folder], 'FROND-T002');

const inputsKind = listOf(either(text, object), "texts or examples, such as predict(['a text'])");
/** Texts, and examples of the reader. @throws FROND-T002 for anything but a list of them, such as one text */
export const checkInputs = (inputs: unknown): void =>
  checkArguments('predict', { inputs: inputsKind }, [inputs], 'FROND-T002');
