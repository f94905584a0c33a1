import { fileFailure } from '../platform/node/failure.ts';

/** Streams that nobody reads any longer; Node itself lets them be written to again and again. */
const closed = new WeakSet<object>();

export const isClosed = (stream: object): boolean => closed.has(stream);

/**
 * A reader that has seen enough, such as `head`, or a terminal that is gone, ends the printing and nothing else. Where output is
 * lost for another reason, such as a full disk, this is said once, and `lost` is called.
 */
export function watchOutputs(lost: () => void): void {
  const onError = (stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void => {
    if (closed.has(stream)) return;
    closed.add(stream);
    if (error.code === 'EPIPE' || (stream.isTTY && error.code === 'EIO')) return;
    lost();
    if (stream === process.stdout)
      process.stderr.write(`${fileFailure('write to', 'standard output', error).message}\n`);
  };
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => onError(stream, error));
}
