/** Turns chunks of output into lines, with a bound on their length and number. */
import { StringDecoder } from 'node:string_decoder'

const LONGEST_LINE = 16_000

export type LineSplitter = { add(chunk: Uint8Array): void; end(): void }

/** @param onLine gets each line without its end; a line that never ends is cut into pieces. */
export function lineSplitter(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const take = (text: string): void => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    while (rest.length > LONGEST_LINE) {
      onLine(rest.slice(0, LONGEST_LINE))
      rest = rest.slice(LONGEST_LINE)
    }
  }
  return {
    add: (chunk) => take(decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))),
    end() {
      take(decoder.end())
      if (rest !== '') onLine(rest)
      rest = ''
    },
  }
}
