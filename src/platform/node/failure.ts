import type { FrondError } from '../../base/errors.ts';
import { failureIn, type KnownFailures } from '../shared.ts';

/** Of frond's own: what was to be read is a pipe, a device or a socket. */
export const NO_FILE = 'not a regular file';

const KNOWN: KnownFailures = {
  ENOSPC: {
    code: 'FROND-F001',
    hint: 'the disk is full: free some space and try again, what was there before is untouched',
  },
  EDQUOT: { code: 'FROND-F001', hint: 'the disk quota is used up: free some space and try again' },
  ENOENT: { code: 'FROND-F041', hint: 'check the path' },
  EACCES: { hint: 'check the permissions' },
  EPERM: { hint: 'check the permissions' },
  EIO: { hint: 'the disk reports an error: copy what you have and check it' },
  EROFS: { hint: 'the file system is read-only: choose another folder' },
  EFBIG: { hint: 'the file would be larger than the system allows (ulimit -f)' },
  EISDIR: { hint: 'this is a folder, a file was expected' },
  ENOTDIR: { hint: 'this is a file, a folder was expected' },
  EMFILE: { hint: 'this process may not open more files: raise its limit (ulimit -n 1024)' },
  ENFILE: { hint: 'the system may not open more files: close other programs' },
  ELOOP: { hint: 'a symbolic link leads back to itself' },
  ENAMETOOLONG: { hint: 'the path is too long: choose a shorter one' },
  [NO_FILE]: { code: 'FROND-F042', hint: 'copy what it gives into a file first' },
  ENOMEM: { hint: 'there is not enough memory' },
};

const textOf = (cause: unknown, key: string): string | undefined => {
  const value: unknown = typeof cause === 'object' && cause !== null ? Reflect.get(cause, key) : undefined;
  return typeof value === 'string' ? value : undefined;
};

/** The first line of what was thrown. */
export const reasonOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';

/** What `work` gives; `otherwise` where it throws. */
export function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** The system's code, such as ENOENT; '' where it has none. */
export const codeOf = (cause: unknown): string => textOf(cause, 'code') ?? '';

/** A call to the file system that failed, as an error that names path and reason. */
export const fileFailure = (what: string, path: string, cause: unknown): FrondError =>
  failureIn(KNOWN, codeOf(cause), what, path, cause);

/** The same of an error that a call of Node itself has thrown; undefined for any other error. */
export function systemFailure(cause: unknown): FrondError | undefined {
  const syscall = textOf(cause, 'syscall');
  if (syscall === undefined) return undefined;
  return fileFailure(syscall, textOf(cause, 'dest') ?? textOf(cause, 'path') ?? 'a file', cause);
}
