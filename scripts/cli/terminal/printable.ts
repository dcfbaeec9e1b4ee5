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

function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
