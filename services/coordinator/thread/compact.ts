/**
 * Steps and items on their way between a coordinator and its flow threads, as rows without names: there are as many as
 * a run has steps, and to pack and unpack names costs as much as all the rest.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Failure } from '#shared/contract/failure.ts'
import type { StepKind } from '#shared/contract/step-record.ts'
import type { StepPolicy } from '#shared/flow/runtime.ts'
import type { LogItem, WantedRange, WantedStep } from './protocol.ts'
import { joinValues } from './range.ts'

type Row = readonly unknown[]

/** From so many on, steps that are alike travel, and wait, as a range. */
const FEW = 16

/** What was asked for in one go, in order: ranges of steps that are alike but for their values, and what lies between. */
export function gatherAlike(steps: readonly WantedStep[]): (WantedStep[] | WantedRange)[] {
  const gathered: (WantedStep[] | WantedRange)[] = []
  let others: WantedStep[] = []
  for (let from = 0, to = 0; from < steps.length; from = to) {
    const first = steps[from] as WantedStep
    while (to < steps.length && areAlike(first, steps[to] as WantedStep, to - from)) to++
    if (to === from) to++
    const alike = steps.slice(from, to)
    if (alike.length < FEW) others.push(...alike)
    else {
      if (others.length > 0) gathered.push(others)
      others = []
      gathered.push(toRange(first, alike))
    }
  }
  if (others.length > 0) gathered.push(others)
  return gathered
}

function areAlike(first: WantedStep, other: WantedStep, distance: number): boolean {
  return (
    (first.kind === 'task' || first.kind === 'program') &&
    other.label === undefined &&
    other.step === first.step + distance &&
    other.kind === first.kind &&
    other.name === first.name &&
    (other.policy === first.policy || isDeepStrictEqual(other.policy, first.policy))
  )
}

function toRange({ step, kind, name, policy }: WantedStep, alike: readonly WantedStep[]): WantedRange {
  const { bytes, ends } = joinValues(alike.map(({ value }) => value))
  return {
    first: step,
    count: alike.length,
    kind,
    name,
    policy,
    bytes,
    ends: new Uint8Array(ends.buffer),
    apart: true,
  }
}

/** Steps of one task have the very same policy: each is sent once. */
export type CompactSteps = { policies: StepPolicy[]; rows: Row[] }

export function packSteps(steps: readonly WantedStep[]): CompactSteps {
  const policies: StepPolicy[] = []
  const indexOf = new Map<StepPolicy, number>()
  const rows = steps.map(({ step, kind, name, label, digest, value, policy }): Row => {
    let index = indexOf.get(policy)
    if (index === undefined) {
      index = policies.push(policy) - 1
      indexOf.set(policy, index)
    }
    return [step, kind, name, digest, value, index, label]
  })
  return { policies, rows }
}

export function unpackSteps({ policies, rows }: CompactSteps): WantedStep[] {
  return rows.map(([step, kind, name, digest, value, index, label]) => ({
    step: step as number,
    kind: kind as StepKind,
    name: name as string,
    label: (label ?? undefined) as string | undefined,
    digest: digest as string,
    value: value as Uint8Array,
    policy: policies[index as number] as StepPolicy,
  }))
}

const STATES = ['completed', 'failed', 'cancelled'] as const

export function packItems(items: readonly LogItem[]): Row[] {
  return items.map(packItem)
}

function packItem(item: LogItem): Row {
  switch (item.kind) {
    case 'outcome': {
      const { step, at, state, digest, name, result, error } = item
      const code = STATES.indexOf(state)
      return error === undefined
        ? [code, step, at, digest, name, result]
        : [code, step, at, digest, name, result, error]
    }
    case 'attempt':
      return [3, item.step, item.at]
    case 'cancel':
      return [4, item.at, item.reason]
    case 'mark':
      return [5, item.mark]
    case 'cut':
      return [6, item.first, item.count]
  }
}

export function unpackItems(rows: readonly Row[]): LogItem[] {
  return rows.map((row): LogItem => {
    const [kind, first, second] = row as [number, number, number]
    switch (kind) {
      case 3:
        return { kind: 'attempt', step: first, at: second }
      case 4:
        return { kind: 'cancel', at: first, reason: row[2] as string }
      case 5:
        return { kind: 'mark', mark: first }
      case 6:
        return { kind: 'cut', first, count: second }
      default:
        return {
          kind: 'outcome',
          step: first,
          at: second,
          state: STATES[kind] ?? 'failed',
          digest: row[3] as string,
          name: row[4] as string,
          result: (row[5] ?? undefined) as Uint8Array | undefined,
          error: row[6] as Failure | undefined,
        }
    }
  })
}
