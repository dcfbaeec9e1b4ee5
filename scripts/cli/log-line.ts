/** A line of a run's log, as people read it. */
import type { RunLogLine } from '#shared/client/log-lines.ts'
import { toJson } from '#shared/wire/json-form.ts'
import type { Paint } from './terminal/colour.ts'
import { printable } from './terminal/printable.ts'

export function renderLogLine(line: RunLogLine, paint: Paint): string {
  const time = new Date(line.at).toISOString().slice(11, 23)
  const where = line.step === 0 ? 'flow' : `step ${line.step}${line.attempt > 1 ? `.${line.attempt}` : ''}`
  const what = line.stream === 'log' ? line.level : line.stream
  const fields =
    line.fields === undefined || Object.keys(line.fields).length === 0 ? '' : ` ${toJson(line.fields)}`
  const text = `${printable(line.text.trimEnd())}${printable(fields)}`
  const style = line.level === 'error' ? 'red' : line.level === 'warn' ? 'yellow' : undefined
  return `${paint('dim', `${time} ${where.padEnd(8)} ${what.padEnd(6)}`)} ${style ? paint(style, text) : text}`
}
