/** Keeps one process running: started again whenever it ends, later and later while it does not stay. */
import { setTimeout as pause } from 'node:timers/promises'
import { nextDelay } from './back-off.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { endProcess, type RunningProcess } from './running-process.ts'

export type Part = {
  name: string
  /** One that an earlier supervisor left running. */
  running?: RunningProcess | undefined
  start(): Promise<RunningProcess>
  /** Called with every process that is started or adopted, and with undefined when it ended. */
  note(identity: ProcessIdentity | undefined): void
  /** What asks it to end, and how long that may take. */
  endWith: NodeJS.Signals
  graceMs: number
}

export type Keeper = {
  readonly name: string
  /** What runs now, if anything. */
  readonly current: RunningProcess | undefined
  /** How often it ended, or could not be started, so far. */
  readonly deaths: number
  /** Resolves after the first successful start; rejects when that failed. */
  started: Promise<void>
  /** Ends it for good. */
  stop(force?: AbortSignal): Promise<void>
}

/** @param say told of every death and failed start. */
export function keep(part: Part, say: (text: string) => void): Keeper {
  const stopping = new AbortController()
  const first = Promise.withResolvers<void>()
  let current: RunningProcess | undefined
  let delay = 0
  let deaths = 0
  // A failed first start is the caller's to judge, and may go unheard.
  first.promise.catch(() => {})

  const once = async (): Promise<number> => {
    const since = performance.now()
    try {
      current = part.running ?? (await part.start())
      part.running = undefined
      part.note(current.identity)
      first.resolve()
      // Asked to stop while it was starting: there was nothing to end then.
      if (stopping.signal.aborted) await endProcess(current, part.endWith, part.graceMs)
      const how = await current.exited
      if (!stopping.signal.aborted) say(`${part.name} (process ${current.identity.pid}) ended: ${how}`)
    } catch (error) {
      first.reject(error)
      if (!stopping.signal.aborted) say(`${part.name} could not be started: ${(error as Error).message}`)
    }
    current = undefined
    deaths++
    part.note(undefined)
    return performance.now() - since
  }
  const forever = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      delay = nextDelay(delay, await once())
      await pause(delay, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const loop = forever()

  return {
    name: part.name,
    get current() {
      return current
    },
    get deaths() {
      return deaths
    },
    started: first.promise,
    async stop(force) {
      stopping.abort()
      if (current) await endProcess(current, part.endWith, part.graceMs, force)
      await loop
    },
  }
}
