/** Signals: set, awaited and cleared between flows, durably. */
import type { SignalSpec } from '../contract/signal.ts'
import { TaskFuture } from './future.ts'
import { bad } from './options.ts'
import { currentFlow } from './runtime.ts'

export type SignalOptions = {
  /** `shared` (default): every run of the system sees it. `run`: the run at the top and all its sub-flows. */
  scope?: 'run' | 'shared'
}

export type WaitOptions = {
  /** The wait fails with `TIMEOUT` after so long. */
  timeoutSeconds?: number
}

export type Signal<M> = {
  readonly name: string
  /** Sets it, with something for those who wait: plain data. The last one who sets it is heard. */
  set(metadata?: M): TaskFuture<void>
  /**
   * Waits until it is set, and returns what it was set to; at once when it is set already. One that is set and cleared
   * again while somebody waits has been set for him.
   */
  wait(options?: WaitOptions): TaskFuture<M>
  /** From now on it is not set. */
  clear(): TaskFuture<void>
}

/** @throws QubusError `INVALID_OPTION`. */
export function signal<M = unknown>(name: string, { scope = 'shared' }: SignalOptions = {}): Signal<M> {
  const what = `signal(${JSON.stringify(name)})`
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(name))
    bad('signal', 'the name', name, 'letters, digits, "_" and "-", at most 128 of them')
  if (scope !== 'run' && scope !== 'shared') bad(what, 'scope', scope, '"run" or "shared"')
  const ask = <T>(op: SignalSpec['op'], more: Partial<SignalSpec>): TaskFuture<T> =>
    TaskFuture.request<T>(currentFlow(what), {
      kind: 'signal',
      name: `${op} ${name}`,
      value: { op, name, scope, ...more } satisfies SignalSpec,
      policy: {},
    })
  return {
    name,
    set: (metadata) => ask('set', metadata === undefined ? {} : { value: metadata }),
    wait({ timeoutSeconds } = {}) {
      if (timeoutSeconds !== undefined && !(timeoutSeconds > 0 && Number.isFinite(timeoutSeconds)))
        bad(what, 'timeoutSeconds', timeoutSeconds, 'a number above 0')
      return ask('wait', timeoutSeconds === undefined ? {} : { timeoutSeconds })
    },
    clear: () => ask('clear', {}),
  }
}
