/** A replay, as it goes on and as it ended: lines for people, or JSON. */
import { jsonForm, toJson } from '#shared/wire/json-form.ts'
import { decodeValue } from '#shared/wire/value.ts'
import { cameFromOutside } from '../../../services/coordinator/replay/differences.ts'
import type { RecordedEnd, RecordedRun } from '../../../services/coordinator/replay/recorded-run.ts'
import type { Replay, ReplayEvent } from '../../../services/coordinator/replay/replay-run.ts'
import { describeFailure, failureForm } from '../error-form.ts'
import { renderLogLine } from '../log-line.ts'
import { emit, print, say } from '../output.ts'
import { type Paint, painter } from '../terminal/colour.ts'
import { printable, shorten } from '../terminal/printable.ts'

const HOW = { same: 'same', other: 'OTHER', none: 'not recorded' } as const

export function showEvent(event: ReplayEvent, json: boolean): void {
  if (json) {
    const { type: _, ...rest } = event
    emit(event.type === 'log' ? { ...event.line, replayed: true } : rest)
  } else print(renderEvent(event, painter(process.stdout)))
}

function renderEvent(event: ReplayEvent, paint: Paint): string {
  if (event.type === 'attempt') return `attempt ${event.attempt} of the flow`
  if (event.type === 'log')
    return `${renderLogLine({ ...event.line, step: 0, attempt: 1 }, paint)} ${paint('dim', '(replayed)')}`
  const { step, kind, name, label, recorded, state, at } = event
  const how = `${HOW[recorded]}${state === undefined || state === 'completed' ? '' : `, ${state}`}`
  const what = `${String(step).padStart(5)}  ${kind.padEnd(11)} ${shorten(printable(label ?? name), 40).padEnd(24)}`
  const style = recorded === 'other' ? 'red' : recorded === 'none' ? 'yellow' : 'dim'
  return `${what} ${paint(style, how.padEnd(12))} ${paint('dim', at ?? '')}`.trimEnd()
}

/** @param code for people, what it was replayed with. */
export function showEnd({ run, requested }: RecordedRun, code: string, replay: Replay, json: boolean): void {
  const { difference, end, recorded, steps } = replay
  if (json) {
    emit({
      run,
      flow: requested.flow,
      code,
      same: difference === undefined,
      complete: end !== undefined,
      steps,
      ...(end === undefined ? {} : endForm(end)),
      ...(recorded === undefined ? {} : { recorded: endForm(recorded) }),
      ...(difference === undefined ? {} : { difference }),
    })
    return
  }
  if (end !== undefined && difference === undefined) showFlowEnd(end)
  say(verdict(replay))
}

function showFlowEnd({ state, result, error }: RecordedEnd): void {
  if (error !== undefined) print(describeFailure(error))
  else if (state === 'completed' && result !== undefined) print(toJson(decodeValue(result), 2))
}

function verdict({ difference, end, recorded, steps }: Replay): string {
  const count = `${steps} ${steps === 1 ? 'step' : 'steps'}`
  if (difference !== undefined)
    return `not the same${difference.at === undefined ? '' : `, at ${difference.at}`}\n${difference.message}`
  if (recorded === undefined)
    return `the same so far: the run is under way, and the flow has asked for ${count} ${end === undefined ? '' : 'and ended'}`.trimEnd()
  if (cameFromOutside(recorded))
    return `the same, ${count}, up to where the run was ended from outside: ${recorded.error?.code}: ${recorded.error?.message}`
  return `the same: ${end?.state}, ${count}`
}

function endForm({ state, result, error }: RecordedEnd): object {
  return {
    state,
    ...(result === undefined ? {} : { result: jsonForm(decodeValue(result)) }),
    ...(error === undefined ? {} : { error: failureForm(error) }),
  }
}
