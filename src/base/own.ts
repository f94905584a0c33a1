/** What `record` itself holds under a name of the user's; names such as `constructor` never reach its prototype. */
export const own = <T>(record: { readonly [name: string]: T } | undefined, name: string): T | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
