/** An expression; `atomic` ones need no parentheses inside another. */
export interface Text {
  readonly text: string;
  readonly atomic: boolean;
}

export const atom = (text: string): Text => ({ text, atomic: true });
export const compound = (text: string): Text => ({ text, atomic: false });
export const wrap = ({ text, atomic }: Text): string => (atomic ? text : `(${text})`);
