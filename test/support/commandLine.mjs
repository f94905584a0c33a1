// A process that runs command lines one after another, as often as it is asked: modules stay loaded between them.
// Each line runs the program anew, which reads its arguments when it is evaluated.
import { pathToFileURL } from 'node:url';

const [, , program] = process.argv;
let count = 0;

/** Keeps what is written to a stream; gives it and what puts the stream right again. */
function kept(stream) {
  const { write } = stream;
  let text = '';
  stream.write = (chunk, encoding, done) => {
    text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    const called = typeof encoding === 'function' ? encoding : done;
    if (called) process.nextTick(called);
    return true;
  };
  return () => {
    stream.write = write;
    return text;
  };
}

process.stdout.setMaxListeners(0);
process.stderr.setMaxListeners(0);
process.on('message', async ({ args, cwd }) => {
  process.chdir(cwd);
  process.argv = [process.execPath, program, ...args];
  process.exitCode = undefined;
  const [out, err] = [kept(process.stdout), kept(process.stderr)];
  try {
    await import(`${pathToFileURL(program).href}?${count++}`);
  } finally {
    process.send({ code: process.exitCode ?? 0, out: out(), err: err() });
  }
});
