import type { Metrics } from './contract.ts';

/** The figures of one training step. */
export interface StepResult {
  /** weighted sum over tasks */
  readonly loss: number;
  /** by task */
  readonly losses: Readonly<Record<string, number>>;
  readonly rate: number;
  /** before clipping */
  readonly gradientNorm: number;
}

/** A step among those of its task. */
export interface Slot {
  readonly task: string;
  /** in its pass over the examples of the task, from 1, and how many these are */
  readonly step: number;
  readonly steps: number;
  /** the pass, from 0 */
  readonly epoch: number;
}

/** The gradients of the tasks' losses on the trained parameters that all of them share, before weights, balance and clipping. */
export interface SharedGradients {
  /** by task */
  readonly norms: Readonly<Record<string, number>>;
  /** by pair of tasks, from −1 to 1: below 0 what helps one hurts the other; NaN where a gradient is all zero */
  readonly cosines: readonly { readonly tasks: readonly [string, string]; readonly cosine: number }[];
}

/** What long work reports as it goes; the library itself prints nothing. */
export type TrainingEvent =
  | {
      readonly type: 'start';
      readonly tasks: readonly string[];
      readonly device: string;
      readonly parameters: number;
      readonly examples: number;
      /** what tells the training part apart: its size and the beginning of its digest */
      readonly data: string;
      readonly epochs: number;
      readonly steps: number;
      /** where tasks alternate: how many of them are of each task */
      readonly planned?: Readonly<Record<string, number>>;
      /** first step of this run: 0, or where it resumes */
      readonly from: number;
    }
  | ({
      readonly type: 'step';
      /** finished steps */
      readonly step: number;
      readonly steps: number;
      readonly epoch: number;
      /** where tasks alternate */
      readonly slot?: Slot;
      readonly stepsPerSecond: number;
      readonly secondsLeft: number;
    } & StepResult)
  | {
      readonly type: 'evaluation';
      readonly part: string;
      readonly epoch: number;
      readonly step: number;
      readonly metrics: Metrics;
      readonly best: boolean;
    }
  | ({
      /** how the gradients of tasks compare, where `watchGradients` asks for it */
      readonly type: 'gradients';
      readonly step: number;
    } & SharedGradients)
  | { readonly type: 'checkpoint'; readonly folder: string; readonly step: number }
  | { readonly type: 'warning'; readonly message: string }
  | {
      /** the device was lost; another one is opened, and goes on from a copy in host memory or from a checkpoint */
      readonly type: 'recovery';
      /** where the run stood */
      readonly step: number;
      /** step of that: the steps from there on are run again, without telling of them again */
      readonly from: number;
      /** losses without a step of progress between them, this one among them */
      readonly losses: number;
      readonly reason: string;
    }
  | {
      readonly type: 'end';
      readonly step: number;
      readonly reason: 'done' | 'early' | 'aborted';
      readonly seconds: number;
    };

export type Listener = (event: TrainingEvent) => void;

/** Long enough to cost nothing, short enough that Ctrl-C and a page feel immediate. */
const PAUSE_EVERY = 30;

/**
 * Gives a function to await between steps: every few of them it waits for one turn of the event loop, so that signals, timers
 * and clicks get through while a device computes in this thread. Promises alone never let them in.
 */
export function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < PAUSE_EVERY) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    last = performance.now();
  };
}
