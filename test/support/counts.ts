/** How many cases a property test runs: the full count in `npm run test:long`, a seeded sample in `npm test`. */
export const runs = (full: number, sample: number): number => (process.env.FROND_TEST_LONG ? full : sample);
