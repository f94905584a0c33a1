export { type Chunk, chunksOf } from './chunks.ts';
export { type ClassScores, type ConfusionMatrix, classScores, confusionMatrix } from './classes.ts';
export { type EntityScores, entityScores, type Score, type TypeScore } from './entities.ts';
export { type JointLabels, type JointScores, jointScores } from './joint.ts';
