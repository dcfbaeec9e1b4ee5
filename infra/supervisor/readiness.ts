/** Whether everything that `up` promises is there: its own actors, and somebody who runs tasks where the cluster keeps one. */
import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { type RegistryView, readRegistry } from '#shared/bus/registry.ts'
import { QubusError } from '#shared/contract/errors.ts'

/** One actor that is waited for: by its process, which changes when it dies while starting. */
export type Awaited = { name: string; pid(): number | undefined }

const POLL_MS = 100

/** What is waited for: our own actors, and a worker where the cluster keeps one. */
export type Expected = { actors: Awaited[]; worker: boolean }

/** @throws QubusError `UNREACHABLE` naming who is not ready within `timeoutMs`; the signal's reason. */
export async function untilReady(
  nc: NatsConnection,
  host: string,
  expected: Expected,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + timeoutMs
  let missing: string[] = []
  while (performance.now() < until) {
    signal.throwIfAborted()
    missing = notReady(await readRegistry(nc).catch(() => undefined), host, expected)
    if (missing.length === 0) return
    await pause(POLL_MS)
  }
  throw new QubusError(
    'UNREACHABLE',
    `not ready after ${Math.round(timeoutMs / 1000)} s: ${missing.join(', ')}`,
    { facts: { missing } },
  )
}

/** Names of what is missing. */
export function notReady(
  registry: RegistryView | undefined,
  host: string,
  { actors, worker }: Expected,
): string[] {
  const ready = [...(registry?.actors.values() ?? [])].filter((entry) => entry.state === 'ready')
  const missing = actors.filter(
    ({ pid }) => !ready.some((entry) => entry.host === host && entry.pid === pid()),
  )
  const lacking = worker && !ready.some((entry) => entry.name === 'worker')
  return [...missing.map(({ name }) => name), ...(lacking ? ['worker'] : [])]
}
