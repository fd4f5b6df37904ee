/** What {@link isText} refuses, in words. */
export const NOT_TEXT = "must be text without NUL and without half a surrogate pair";

/** Whether a string is text: a lone surrogate becomes another character in UTF-8, and a NUL ends it for many a program. */
export const isText = (value: string): boolean => value.isWellFormed() && !value.includes("\u0000");
