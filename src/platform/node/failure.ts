import { type ErrorCode, FrondError } from '../../base/errors.ts';
import { own } from '../../base/own.ts';

/** Of frond's own: what was to be read is a pipe, a device or a socket. */
export const NO_FILE = 'not a regular file';

/** What is to be done about the system's own codes. Those of a full disk and of what is not there have a code of their own. */
const KNOWN: Readonly<Record<string, { readonly code?: ErrorCode; readonly hint: string }>> = {
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

/** The system's code, such as ENOENT; '' where it has none. */
export const codeOf = (cause: unknown): string => textOf(cause, 'code') ?? '';

/** A call to the file system that failed, as an error that names path and reason. */
export function fileFailure(what: string, path: string, cause: unknown): FrondError {
  const code = codeOf(cause);
  const known = own(KNOWN, code);
  return new FrondError(known?.code ?? 'FROND-F002', `cannot ${what} ${path}: ${code || String(cause)}`, {
    place: { file: path },
    hint: known?.hint,
    cause,
  });
}

/** The same of an error that a call of Node itself has thrown; undefined where it is none. */
export function systemFailure(cause: unknown): FrondError | undefined {
  const syscall = textOf(cause, 'syscall');
  if (syscall === undefined) return undefined;
  return fileFailure(syscall, textOf(cause, 'dest') ?? textOf(cause, 'path') ?? 'a file', cause);
}
