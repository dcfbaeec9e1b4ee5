/** A signal that a flow sets, clears, or waits for. */
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import { SHARED_SCOPE, type SignalRecord, SignalSpec } from '#shared/contract/signal.ts'
import type { WaitRecord } from '#shared/contract/step-record.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import type { CoordinatorContext } from '../context.ts'
import type { PendingStep } from './pending-step.ts'
import { type Ending, type RunFacts, rootOf, waitDraft } from './step-drafts.ts'

export type SignalStepOptions = {
  context: CoordinatorContext
  facts: RunFacts
  step: PendingStep
  /** The wait that the log holds already. */
  begun: Pick<WaitRecord, 'since' | 'dueAt'> | undefined
  wanted(): boolean
  finish(ending: Ending): void
  fail(error: unknown): void
}

export function doSignalStep(options: SignalStepOptions): void {
  const spec = SignalSpec.parse(decodeValue(options.step.value))
  const place = {
    scope: spec.scope === 'shared' ? SHARED_SCOPE : rootOf(options.facts.run, options.facts.requested),
    name: spec.name,
  }
  if (spec.op === 'wait') return wait(options, place, spec)
  change(options, place, spec).catch((error: unknown) => options.wanted() && options.fail(error))
}

type Place = { scope: string; name: string }

async function change(
  { context, facts, step, wanted, finish }: SignalStepOptions,
  place: Place,
  spec: SignalSpec,
): Promise<void> {
  const what = `the metadata of signal ${JSON.stringify(spec.name)}`
  const value = await context.blobs.toPayload(encodeValue(spec.value, what))
  await context.signals.change(
    place,
    spec.op === 'set' ? { set: true, value } : { set: false },
    `${facts.run}.${step.step}`,
  )
  if (wanted()) finish({ state: 'completed' })
}

/**
 * Ends when the signal is set, or was set since the wait began. Where that is not so at once, the beginning goes on
 * record, so that whoever takes the run over waits for no more and no less.
 */
function wait(options: SignalStepOptions, place: Place, { name, timeoutSeconds }: SignalSpec): void {
  const { context, facts, step, wanted, finish } = options
  let since = options.begun?.since
  const stop = context.signals.watch(place, (record) => {
    if (!wanted()) return stop()
    if (isSet(record, since)) {
      stop()
      step.timer?.clear()
      finish({ state: 'completed', ...(record?.value === undefined ? {} : { result: record.value }) })
    } else if (since === undefined) begin(record?.count ?? 0)
  })
  const due = (at: number): void => {
    step.dueAt = at
    step.timer = context.clock.at(at, () => {
      stop()
      if (!wanted()) return
      const error = new QubusError(
        'TIMEOUT',
        `the signal ${JSON.stringify(name)} was not set within ${timeoutSeconds} s`,
      )
      finish({ state: 'failed', error: toFailure(error, 'TIMEOUT') })
    })
  }
  const begin = (count: number): void => {
    since = count
    const now = context.clock.now()
    const dueAt = timeoutSeconds === undefined ? undefined : now + timeoutSeconds * 1000
    context.store.create(waitDraft(facts, step, count, dueAt, now)).catch(() => {})
    if (dueAt !== undefined) due(dueAt)
  }
  if (options.begun?.dueAt !== undefined) due(options.begun.dueAt)
  step.stopWaiting = stop
}

function isSet(record: SignalRecord | undefined, since: number | undefined): boolean {
  return record !== undefined && (record.set || (since !== undefined && record.count > since))
}
