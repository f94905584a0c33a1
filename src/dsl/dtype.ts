// Element types as values, so that they are spelled without quotes where a tensor is declared.
export const f32 = 'f32' as const;
export const f16 = 'f16' as const;
export const i32 = 'i32' as const;
export const u32 = 'u32' as const;
export const bool = 'bool' as const;
