// Text from outside made safe to print on one line: log lines, configuration errors and the debug output go through here.

// Controls, line and paragraph separators, lone surrogates, and what reorders or hides text on a terminal.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** `text` with everything that could end a line, drive a terminal or hide text written as an escape; cut after `maxLength` characters. */
export function printable(text: string, maxLength: number = Infinity): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text
  return cut.replace(UNSAFE, escaped)
}

/** The same in double quotes, with quotes and backslashes inside escaped, so that where it ends cannot be forged. */
export function quoted(text: string, maxLength: number = 100): string {
  return `"${printable(text.slice(0, maxLength + 1).replaceAll(/["\\]/g, '\\$&'), maxLength)}"`
}

function escaped(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
