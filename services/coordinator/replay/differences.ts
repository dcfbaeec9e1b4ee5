/** What is not the same in a replay, in words. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Failure } from '#shared/contract/failure.ts'
import { authorPlace } from '#shared/flow/author-place.ts'
import { toJson } from '#shared/wire/json-form.ts'
import { decodeValue } from '#shared/wire/value.ts'
import type { LogItem } from '../thread/protocol.ts'
import type { RecordedEnd } from './recorded-run.ts'
import type { Difference } from './replay-run.ts'

/** What the flow asks for now. The stack of `site` says where. */
export type Call = { step: number; kind: string; name: string; value: Uint8Array; site: Error | undefined }

const MOST_TEXT = 200

export function otherStep(call: Call, recorded: Extract<LogItem, { kind: 'outcome' }>): Difference {
  const same = recorded.name === call.name
  return differenceAt(
    call,
    same
      ? `the flow asks for ${say(call)}, but was given the outcome of ${JSON.stringify(recorded.name)} with other arguments, or of another kind`
      : `the flow asks for ${say(call)}, but the log holds ${JSON.stringify(recorded.name)}`,
  )
}

export function oneMoreStep(call: Call, recorded: RecordedEnd): Difference {
  return differenceAt(
    call,
    `the flow asks for ${say(call)}, but the run had ${recorded.state} after ${count(recorded.steps)}`,
  )
}

/** The flow waits for a step that the log says nothing of, although the run has ended. */
export function waitsFor(call: Call, recorded: RecordedEnd): Difference {
  return differenceAt(
    call,
    `the flow waits for ${say(call)}, which has no outcome; the run had ${recorded.state}`,
  )
}

export function waitsForNothing(last: Call | undefined, recorded: RecordedEnd): Difference {
  return {
    message: `the run had ${sayEnd(recorded)}, but the flow waits for something that is no step${after(last)}`,
    at: placeOf(last),
  }
}

/** The flow's end, compared with the recorded one; undefined where it is the same. */
export function otherEnd(
  now: RecordedEnd,
  recorded: RecordedEnd,
  last: Call | undefined,
): Difference | undefined {
  if (now.state === recorded.state && now.steps !== recorded.steps)
    return {
      message: `the flow ended after ${count(now.steps)}, but had asked for ${recorded.steps}${after(last)}`,
      at: placeOf(last),
    }
  if (
    now.state === recorded.state &&
    sameResult(now.result, recorded.result) &&
    sameError(now.error, recorded.error)
  )
    return undefined
  return {
    message: `the flow ${sayEnd(now)}, but the run had ${sayEnd(recorded)}${after(last)}`,
    at: placeOf(last),
  }
}

/** These ends come from outside of the flow: its function need not come to them again. */
const FROM_OUTSIDE = new Set([
  'RUN_TIMEOUT',
  'FLOW_STALLED',
  'NON_DETERMINISTIC',
  'VERSION_UNSUPPORTED',
  'BLOB_MISSING',
  'BLOB_CORRUPT',
  'INTERNAL',
])

export function cameFromOutside(end: RecordedEnd | undefined): boolean {
  return end?.state === 'failed' && FROM_OUTSIDE.has(end.error?.code ?? '')
}

function sameResult(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0 || isDeepStrictEqual(decodeValue(a), decodeValue(b))
}

function sameError(a: Failure | undefined, b: Failure | undefined): boolean {
  return a?.code === b?.code && a?.message === b?.message
}

function differenceAt(call: Call, what: string): Difference {
  const { step } = call
  return { message: `step ${step}: ${what}`, step, at: placeOf(call) }
}

function placeOf(call: Call | undefined): string | undefined {
  return authorPlace(call?.site?.stack)
}

function say({ kind, name, value }: Call): string {
  const given = kind === 'side-effect' ? '' : ` with ${short(decodeValue(value))}`
  return `${kind} ${JSON.stringify(name)}${given}`
}

function sayEnd({ state, result, error }: RecordedEnd): string {
  if (error !== undefined) return `${state} with ${error.code}: ${error.message}`
  return result === undefined ? state : `${state} with ${short(decodeValue(result))}`
}

function after(last: Call | undefined): string {
  return last === undefined
    ? '; it asked for no step'
    : `; its last call was ${last.kind} ${JSON.stringify(last.name)} (step ${last.step})`
}

function count(steps: number): string {
  return steps === 1 ? '1 step' : `${steps} steps`
}

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : toJson(value)
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text
}
