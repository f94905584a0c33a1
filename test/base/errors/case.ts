/** Something that raises an error of the code, such as `S012`. */
export type Case = readonly [code: string, work: () => unknown];
