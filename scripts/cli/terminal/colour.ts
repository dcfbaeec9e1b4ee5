/** Colour, where the stream is a terminal that wants it (`NO_COLOR` and `TERM=dumb` are respected). */
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan'

export type Paint = (style: Style, text: string) => string

export function painter(stream: NodeJS.WriteStream): Paint {
  const on = stream.isTTY === true && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb'
  return on ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text
}

/** The colour of a state of a run, step, job, vQPU or actor. */
export function stateStyle(state: string): Style {
  if (state === 'completed' || state === 'ready') return 'green'
  if (state === 'failed') return 'red'
  if (state === 'running') return 'cyan'
  if (state === 'cancelled' || state === 'ended') return 'dim'
  return 'yellow'
}
