import { spawn } from 'node:child_process';

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CallOptions {
  readonly cwd: string;
  readonly input?: string | Uint8Array;
  /** called with all of standard output so far; may interrupt the process as Ctrl-C does, or by another signal */
  readonly watch?: (out: string, interrupt: (signal?: NodeJS.Signals) => void) => void;
}

/** This process's environment, without colours. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
  delete env.FORCE_COLOR;
  return env;
}

/** Runs a program to its end, without colours. */
export function call(
  program: string,
  args: readonly string[],
  { cwd, input, watch }: CallOptions,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: plainEnvironment() });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
      watch?.(out, (signal = 'SIGINT') => child.kill(signal));
    });
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
    child.stdin.end(input ?? '');
  });
}
