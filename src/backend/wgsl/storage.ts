import type { StorageType } from '../../kernel/ir.ts';
import type { WgslBinding } from './options.ts';

/** Where a buffer's elements are: in a binding of its own, or from a base on in an arena. */
export interface StoragePlace {
  readonly binding: string;
  readonly arena: boolean;
  readonly dtype: StorageType;
  readonly access: 'read' | 'read_write';
}

export const storagePlaces = (bindings: readonly WgslBinding[]): Map<string, StoragePlace> =>
  new Map(
    bindings.flatMap(({ name, buffers, dtype, access }) =>
      buffers.map((buffer) => [buffer, { binding: name, arena: buffers.length > 1, dtype, access }] as const),
    ),
  );
