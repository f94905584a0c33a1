import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Outcome, plainEnvironment } from './call.ts';

/** Runs command lines in turn in a process that stays loaded: for what needs neither signals nor standard input. */
export interface CommandLine {
  run(args: readonly string[], cwd: string): Promise<Outcome>;
  close(): void;
}

export function openCommandLine(program: string): CommandLine {
  const script = fileURLToPath(new URL('./commandLine.mjs', import.meta.url));
  const child = fork(script, [program], { env: plainEnvironment(), execArgv: [] });
  const run = (args: readonly string[], cwd: string): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void =>
        reject(new Error(`the process ended with ${code} during: ${args.join(' ')}`));
      child.once('exit', ended);
      child.once('message', (answer) => {
        child.off('exit', ended);
        resolve(answer as Outcome);
      });
      child.send({ args, cwd });
    });
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (args, cwd) => {
      const next = last.then(() => run(args, cwd));
      last = next.catch(() => undefined);
      return next;
    },
    close: () => void child.kill(),
  };
}
