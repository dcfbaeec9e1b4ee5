/** Entry of a flow thread: keeps bundles warm and runs flows in them. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import { findFlow, type LoadedBundle, loadBundle, validateParams } from '#shared/bundle/loaded-bundle.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import { type FlowContext, installRuntime } from '#shared/flow/runtime.ts'
import { fillTemplate } from '#shared/flow/template.ts'
import { decodeValue } from '#shared/wire/value.ts'
import { seededChance } from './chance.ts'
import { makeDeterministic } from './deterministic-globals.ts'
import { effectContext } from './effect-context.ts'
import { FlowRun } from './flow-run.ts'
import type { BundleRef, Checked, FromThread, RunKey, ToThread } from './protocol.ts'

/** Whose code is on the stack. `pure`: where time and chance come from, unless the outside world may be used. */
type Place = { run: FlowRun | undefined; context: FlowContext | undefined; pure: Pure | undefined }
type Pure = { now(): number; random(): number; uuid(): string }

const port = parentPort
if (port === null) throw new Error('flow-thread.ts is the entry of a worker thread')
/** Which run's code this thread entered last: read by the coordinator when the thread does not answer. */
const current = new Int32Array((workerData as { current: SharedArrayBuffer }).current)

process.setSourceMapsEnabled(true)
const place = new AsyncLocalStorage<Place>()
makeDeterministic(() => place.getStore()?.pure)
installRuntime({ flow: () => place.getStore()?.context, task: () => undefined })

const outbox = new Outbox<FromThread>(port)
// From here on, silence means that somebody's code does not give way.
outbox.send({ type: 'pong', id: 0 })
const runs = new Map<RunKey, FlowRun>()
const bundles = new Map<string, Promise<LoadedBundle>>()

port.on('message', (message: unknown) => {
  for (const each of openMail<ToThread>(message)) receive(each)
})
// What flow code leaves unhandled is its run's failure, and nobody else's.
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

function receive(message: ToThread): void {
  switch (message.type) {
    case 'ping':
      return outbox.send({ type: 'pong', id: message.id })
    case 'check':
      void check(message.bundle, message.params, message.now).then((checked) =>
        outbox.send({ type: 'checked', id: message.id, checked }),
      )
      return
    case 'start':
      return void start(message)
    case 'items':
      return runs.get(message.key)?.deliver(message.items)
    case 'execute':
      return runs.get(message.key)?.execute(message.step)
    case 'drop':
      runs.get(message.key)?.stop()
      runs.delete(message.key)
  }
}

async function check(ref: BundleRef, params: Uint8Array, now: number): Promise<Checked> {
  // What the file does while it is loaded is no run's fault.
  Atomics.store(current, 0, 0)
  try {
    const definition = findFlow(await bundle(ref.file), ref.flow)
    const pure = { now: () => now, random: () => 0.5, uuid: seededChance('check').uuid }
    const checked = await place.run({ run: undefined, context: undefined, pure }, () =>
      validateParams(definition, decodeValue(params)),
    )
    if (!checked.ok) throw new QubusError('INVALID_INPUT', checked.message)
    return {
      ok: true,
      name: fillTemplate(definition.options.runName ?? definition.name, [checked.value], now),
      timeoutSeconds: definition.options.timeoutSeconds,
    }
  } catch (error) {
    return { ok: false, error: toFailure(error, 'BUNDLE_FAILED') }
  }
}

async function start({
  key,
  run,
  bundle: ref,
  params,
  startedAt,
}: Extract<ToThread, { type: 'start' }>): Promise<void> {
  const index = Number(key.slice(key.lastIndexOf('#') + 1))
  const at: Place = {
    run: undefined,
    context: undefined,
    pure: { now: () => startedAt, random: () => 0.5, uuid: () => '' },
  }
  const flow = new FlowRun({
    key,
    run,
    startedAt,
    send(message) {
      outbox.send(message)
      if (message.type === 'end') runs.delete(key)
    },
    enter: (fn) => {
      Atomics.store(current, 0, index)
      return place.run(at, fn)
    },
    enterEffect: (step, fn) =>
      place.run(
        {
          run: flow,
          context: effectContext({ key, run, step, send: (message) => outbox.send(message) }),
          pure: undefined,
        },
        fn,
      ),
  })
  at.run = flow
  at.context = flow
  at.pure = flow
  runs.set(key, flow)
  Atomics.store(current, 0, index)
  try {
    const definition = findFlow(await bundle(ref.file), ref.flow)
    const checked = await place.run(at, () => validateParams(definition, decodeValue(params)))
    if (!checked.ok) throw new QubusError('INVALID_INPUT', checked.message)
    flow.start(definition.fn, checked.value)
  } catch (error) {
    flow.fail(error)
  }
}

function bundle(file: string): Promise<LoadedBundle> {
  let loaded = bundles.get(file)
  if (loaded === undefined) {
    loaded = loadBundle(file)
    loaded.catch(() => bundles.delete(file))
    bundles.set(file, loaded)
  }
  return loaded
}
