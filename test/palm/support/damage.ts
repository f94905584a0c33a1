import { readSafetensors, type StoredTensor, writeSafetensors } from '../../../src/store/safetensors.ts';

/** A change to the files of a checkpoint. */
export type Change = (files: Map<string, Uint8Array>) => void;
type Tensors = Map<string, StoredTensor>;

/** Changes the tensors of a safetensors file. */
export const tensorsIn =
  (name: string, change: (tensors: Tensors) => void): Change =>
  (files) => {
    const { tensors, metadata } = readSafetensors(files.get(name) ?? new Uint8Array());
    const changed = new Map(tensors);
    change(changed);
    files.set(name, writeSafetensors({ tensors: changed, metadata }));
  };

export const text =
  (name: string, content: string): Change =>
  (files) =>
    void files.set(name, new TextEncoder().encode(content));

export const without =
  (name: string): Change =>
  (files) =>
    void files.delete(name);

/** Replaces the first tensor; undefined: takes it away. */
const first = (tensors: Tensors, change: (tensor: StoredTensor) => StoredTensor | undefined): void => {
  for (const [name, tensor] of tensors) {
    const changed = change(tensor);
    if (changed === undefined) tensors.delete(name);
    else tensors.set(name, changed);
    return;
  }
};

export const lacking = (tensors: Tensors): void => first(tensors, () => undefined);
export const flat = (tensors: Tensors): void =>
  first(tensors, ({ bytes, dtype }) => ({ dtype, shape: [bytes.length / 4], bytes }));
export const integers = (tensors: Tensors): void => first(tensors, (tensor) => ({ ...tensor, dtype: 'I32' }));
export const surplus = (tensors: Tensors): void =>
  void tensors.set('more', { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) });
export const empty = (tensors: Tensors): void => tensors.clear();
