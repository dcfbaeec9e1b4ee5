/** Flow threads in this process: the real flow run in each, without the walls of a thread. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { registry } from '#shared/flow/registry.ts'
import { type FlowContext, installRuntime, type TaskContext } from '#shared/flow/runtime.ts'
import { decodeValue } from '#shared/wire/value.ts'
import type { CoordinatorContext } from '../../services/coordinator/context.ts'
import { unpackItems } from '../../services/coordinator/thread/compact.ts'
import { effectContext } from '../../services/coordinator/thread/effect-context.ts'
import { FlowRun } from '../../services/coordinator/thread/flow-run.ts'
import type { FromThread, RunKey } from '../../services/coordinator/thread/protocol.ts'
import type { Process, World } from './world.ts'

type Place = { flow?: FlowContext; task?: TaskContext }

const place = new AsyncLocalStorage<Place>()
installRuntime({ flow: () => place.getStore()?.flow, task: () => place.getStore()?.task })

/** Runs `fn` as the code of a task. */
export const inTask = <T>(task: Partial<TaskContext>, fn: () => T): T =>
  place.run({ task: task as TaskContext }, fn)

export type SimThreads = CoordinatorContext['threads'] & {
  /** All runs in them end. */
  loseAll(): RunKey[]
}

export function openThreads(
  world: World,
  process: Process,
  onMessage: (key: RunKey, message: FromThread & { key: RunKey }) => void,
): SimThreads {
  const runs = new Map<RunKey, FlowRun>()
  let started = 0
  return {
    async check({ flow }) {
      await world.wait(world.latency(), process)
      const { retries = 0, retryDelaySeconds = 0 } = registry.flows.get(flow)?.options ?? {}
      const retry = retries > 0 ? { retry: { retries, delaySeconds: retryDelaySeconds } } : {}
      return { ok: true, name: flow, ...retry }
    },
    start({ bundle, params, ...rest }) {
      const key = `${rest.run}#${++started}`
      const send = (message: FromThread): void => {
        world.at(
          world.now,
          () => runs.has(key) && onMessage(key, message as FromThread & { key: RunKey }),
          process,
        )
      }
      const at: Place = {}
      const run: FlowRun = new FlowRun({
        ...rest,
        key,
        send,
        enter: (fn) => place.run(at, fn),
        enterEffect: (step, fn) => place.run({ flow: effectContext({ key, run: rest.run, step, send }) }, fn),
      })
      at.flow = run
      runs.set(key, run)
      const definition = registry.flows.get(bundle.flow)
      world.at(
        world.now + world.latency(),
        () => runs.has(key) && run.start(definition?.fn as never, decodeValue(params)),
        process,
      )
      return key
    },
    send(key, message) {
      const run = runs.get(key)
      if (message.type === 'items') run?.deliver(unpackItems(message.items))
      else if (message.type === 'execute') run?.execute(message.step)
    },
    drop(key) {
      runs.get(key)?.stop()
      runs.delete(key)
    },
    loseAll() {
      const keys = [...runs.keys()]
      for (const run of runs.values()) run.stop()
      runs.clear()
      return keys
    },
  }
}
