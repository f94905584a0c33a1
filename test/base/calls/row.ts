/** Calls `fn` with arguments that are right: the fuzz puts wrong ones in their places. Gives what `fn` gives, if anything. */
export type Call = (fn: (...args: never[]) => unknown, ...args: readonly unknown[]) => unknown;

/** One right call of one public function, made anew each time. */
export type Row = (call: Call) => unknown;

/** By the name under which the package exports it: `palm.head.classify`; `CLASS#method` and `CLASS.method` for methods. */
export type Rows = Readonly<Record<string, Row>>;
