export type { DataRecord, FormatName } from './format.ts';
export { type DataFile, type OpenOptions, open } from './rows.ts';
