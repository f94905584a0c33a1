import type { Metrics } from './contract.ts';

/** What long work tells as it goes; the library itself prints nothing. */
export type TrainingEvent =
  | {
      readonly type: 'start';
      readonly tasks: readonly string[];
      readonly device: string;
      readonly parameters: number;
      readonly examples: number;
      /** fingerprint of the training part, as the model sees it */
      readonly data: string;
      readonly epochs: number;
      readonly steps: number;
      /** first step of this run: 0, or where it resumes */
      readonly from: number;
    }
  | {
      readonly type: 'step';
      /** finished steps */
      readonly step: number;
      readonly steps: number;
      readonly epoch: number;
      /** weighted sum over tasks */
      readonly loss: number;
      /** by task */
      readonly losses: Readonly<Record<string, number>>;
      readonly rate: number;
      /** before clipping */
      readonly gradientNorm: number;
      readonly stepsPerSecond: number;
      readonly secondsLeft: number;
    }
  | {
      readonly type: 'evaluation';
      readonly part: string;
      readonly epoch: number;
      readonly step: number;
      readonly metrics: Metrics;
      readonly best: boolean;
    }
  | { readonly type: 'checkpoint'; readonly folder: string; readonly step: number }
  | { readonly type: 'warning'; readonly message: string }
  | {
      /** the device was lost; another one is opened, and goes on from the host's copy */
      readonly type: 'recovery';
      /** where the run stood */
      readonly step: number;
      /** step of the copy: the steps from there on are run again, without telling of them again */
      readonly from: number;
      /** losses without a step of progress between them, this one among them */
      readonly losses: number;
      readonly reason: string;
    }
  | {
      readonly type: 'end';
      readonly step: number;
      readonly reason: 'done' | 'aborted';
      readonly seconds: number;
    };

export type Listener = (event: TrainingEvent) => void;
