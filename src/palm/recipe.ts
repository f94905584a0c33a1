import type { Device } from '../runtime/device.ts';
import type { Metrics } from './contract.ts';
import type { Listener } from './events.ts';
import type { TrainingSummary } from './run.ts';
import type { MultiHeadTrainer, Trainer } from './trainer.ts';

/** What `frond train FILE` hands to the function `train` that the file exports. */
export interface RecipeContext {
  /** folder with the data, as given on the command line */
  readonly data: string | undefined;
  /** folder of the run, for checkpoints and reports */
  readonly output: string;
  readonly epochs: number | undefined;
  readonly batchSize: number | undefined;
  readonly seed: number;
  /** go on where the run in `output` stopped */
  readonly resume: boolean;
  readonly device: Device;
  readonly signal: AbortSignal;
  readonly on: Listener;
}

/** What a recipe gives back for the report. */
export interface RecipeResult {
  readonly trainer: Trainer | MultiHeadTrainer<never>;
  readonly summary: TrainingSummary;
  /** metrics of the held-out part; absent when the run was interrupted */
  readonly test?: Metrics;
  /** sentences whose labels are shown at the end */
  readonly examples?: readonly string[];
}

export type Recipe = (context: RecipeContext) => Promise<RecipeResult>;
