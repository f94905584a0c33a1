// Element types as values, so that they are spelled without quotes where a tensor is declared.
export const f32 = 'f32';
export const f16 = 'f16';
export const i32 = 'i32';
export const u32 = 'u32';
export const bool = 'bool';
