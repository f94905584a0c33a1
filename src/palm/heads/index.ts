export * from './classify.ts';
export * from './maskedLM.ts';
export * from './match.ts';
export { weightedMean } from './scoring.ts';
export * from './sequenceLabel.ts';
