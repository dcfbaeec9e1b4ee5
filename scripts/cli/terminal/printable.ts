/** Text from outside (names, messages, program output) made safe for a terminal: control characters are shown, not obeyed. */

/** One line: line breaks and tabs become spaces. */
export function printable(text: string): string {
  return escapeControls(text.replaceAll(/\s*[\r\n]+\s*/g, ' ').replaceAll('\t', ' '))
}

/** Several lines: line breaks and tabs stay. */
export function printableLines(text: string): string {
  return escapeControls(text.replaceAll('\r\n', '\n'))
}

/** At most `width` characters, the last one an ellipsis when something was cut. */
export function shorten(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

// Control characters but line feed and tab, line separators, and marks that turn the direction of writing.
const UNSAFE = /[[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]--[\n\t]]/gv

function escapeControls(text: string): string {
  return text.replaceAll(UNSAFE, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
