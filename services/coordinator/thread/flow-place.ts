/** Whose code is on the stack: flows of many runs share a thread, and each sees its own run, time and chance. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type CheckedParams, validateParams } from '#shared/bundle/loaded-bundle.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import type { FlowDefinition } from '#shared/flow/flow.ts'
import { type FlowContext, installRuntime, type TaskContext } from '#shared/flow/runtime.ts'
import { fillTemplate } from '#shared/flow/template.ts'
import { decodeValue } from '#shared/wire/value.ts'
import { seededChance } from './chance.ts'
import { makeDeterministic } from './deterministic-globals.ts'
import type { FlowRun } from './flow-run.ts'
import type { Checked } from './protocol.ts'

/** `pure`: where time and chance come from, unless the outside world may be used. */
export type Place = {
  run: FlowRun | undefined
  context: FlowContext | undefined
  pure: Pure | undefined
  task?: TaskContext
}
export type Pure = { now(): number; random(): number; uuid(): string }

export const place = new AsyncLocalStorage<Place>()

/** Once in a thread, before a bundle is loaded. */
export function installPlaces(): void {
  makeDeterministic(() => place.getStore()?.pure)
  installRuntime({ flow: () => place.getStore()?.context, task: () => place.getStore()?.task })
}

/** What flow code leaves unhandled in this thread is its run's failure, and nobody else's. */
export function failRunsByThemselves(): void {
  process.on('unhandledRejection', (reason) => {
    const run = place.getStore()?.run
    if (run === undefined) throw reason
    run.fail(
      new QubusError(
        'UNHANDLED_REJECTION',
        `a promise was rejected and nobody awaited it: ${String((reason as Error)?.message ?? reason)}`,
        { cause: reason },
      ),
    )
  })
  process.on('uncaughtException', (error) => {
    const at = place.getStore()
    if (at?.run === undefined) throw error
    at.run.fail(error)
    // After this handler Node itself sets a timer in the place of the run, which is over.
    at.pure = undefined
  })
}

/** Parameters as the flow gets them. @throws QubusError `INVALID_INPUT`. */
export async function checkedParams(
  definition: FlowDefinition,
  params: Uint8Array,
  at: Place,
): Promise<unknown> {
  const checked: CheckedParams = await place.run(at, () => validateParams(definition, decodeValue(params)))
  if (!checked.ok) throw new QubusError('INVALID_INPUT', checked.message)
  return checked.value
}

/** What is said of a request before its run begins. */
export async function checkRequest(
  find: () => FlowDefinition | Promise<FlowDefinition>,
  params: Uint8Array,
  now: number,
): Promise<Checked> {
  try {
    const definition = await find()
    const pure = { now: () => now, random: () => 0.5, uuid: seededChance('check').uuid }
    const value = await checkedParams(definition, params, { run: undefined, context: undefined, pure })
    const { runName, timeoutSeconds, retries = 0, retryDelaySeconds = 0 } = definition.options
    return {
      ok: true,
      name: fillTemplate(runName ?? definition.name, [value], now),
      timeoutSeconds,
      ...(retries > 0 ? { retry: { retries, delaySeconds: retryDelaySeconds } } : {}),
    }
  } catch (error) {
    return { ok: false, error: toFailure(error, 'BUNDLE_FAILED') }
  }
}
