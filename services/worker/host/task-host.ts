/** Where task functions run: a thread, or a process where a crash, a leak or a limit is to stay apart. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { NODE_FLAGS } from '#shared/process/node-flags.ts'
import { type Begun, CURRENT } from './protocol.ts'

export type TaskHost = {
  postMessage(packed: Uint8Array, transfer: readonly ArrayBuffer[]): void
  /** The task that runs, 0 for none; and since when, in Unix milliseconds. */
  current(): Begun
  /** Of a process. */
  pid?: number | undefined
  /** Ends it at once, and what it started. */
  kill(): void
}

export type HostEvents = {
  onMail(packed: unknown): void
  /** It ended. @param cause what it threw, or undefined. */
  onExit(how: string, cause: unknown): void
}

export type HostOptions = {
  environment: NodeJS.ProcessEnv
  /** Of a process, in bytes. */
  memoryLimit?: number | undefined
}

export function startThread({ environment }: HostOptions, { onMail, onExit }: HostEvents): TaskHost {
  const shared = new SharedArrayBuffer(CURRENT.length * 8)
  const current = new Float64Array(shared)
  const worker = new Worker(new URL('./task-thread.ts', import.meta.url), {
    workerData: { current: shared },
    env: environment,
  })
  let cause: unknown
  worker.on('message', onMail)
  worker.on('error', (error) => {
    cause = error
  })
  worker.on('exit', (code) => onExit(`exit code ${code}`, cause))
  return {
    postMessage: (packed, transfer) => worker.postMessage(packed, [...transfer]),
    current: () => ({ number: current[CURRENT.number] ?? 0, since: current[CURRENT.since] ?? 0 }),
    kill: () => void worker.terminate(),
  }
}

const PROCESS = fileURLToPath(new URL('./task-process.ts', import.meta.url))
/** V8 must give way before the limit of the whole process is reached: what is not its heap needs some of it. */
const HEAP_SHARE = 0.75

/** In a process group of its own: what its tasks start ends with it. */
export function startProcess(
  { environment, memoryLimit }: HostOptions,
  { onMail, onExit }: HostEvents,
): TaskHost {
  const heapMiB =
    memoryLimit === undefined ? undefined : Math.max(16, Math.floor((memoryLimit / 1024 ** 2) * HEAP_SHARE))
  const child = fork(PROCESS, {
    env: environment,
    execArgv: [...NODE_FLAGS, ...(heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`])],
    serialization: 'advanced',
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  let current: Begun = { number: 0, since: 0 }
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {}
  }
  child.on('message', (message) => {
    if (message instanceof Uint8Array) onMail(message)
    else current = message as Begun
  })
  child.on('error', () => {})
  child.once('exit', (code, signal) => {
    // What its tasks started and left behind.
    kill()
    onExit(signal === null ? `exit code ${code}` : `signal ${signal}`, undefined)
  })
  return {
    postMessage(packed) {
      if (child.connected) child.send(packed)
    },
    current: () => current,
    pid: child.pid,
    kill,
  }
}
