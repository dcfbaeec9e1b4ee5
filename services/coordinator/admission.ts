/** Whether new runs may begin: not while what the broker keeps is nearly full, so that those that run can still end. */
import type { NatsConnection } from '@nats-io/transport-node'
import { BLOB_BUCKET, STREAM } from '#shared/contract/streams.ts'

/** How full each stream is: its bytes by what it may take. */
export type Fill = { stream: string; part: number }

/** Above this, no new run; runs that wait for a sub-flow get it. */
const FULL_FOR_NEW = 0.8
/** Above this, no sub-flow either. */
const FULL_FOR_ALL = 0.95

export type Admission = { roots: boolean; children: boolean; why: string | undefined }

export function admissionFor(fills: readonly Fill[]): Admission {
  const worst = fills.reduce<Fill | undefined>(
    (a, b) => (a === undefined || b.part > a.part ? b : a),
    undefined,
  )
  const part = worst?.part ?? 0
  return {
    roots: part < FULL_FOR_NEW,
    children: part < FULL_FOR_ALL,
    why:
      part < FULL_FOR_NEW
        ? undefined
        : `no new runs: ${worst?.stream} is ${Math.floor(part * 100)} % full; they go on when ended runs are purged`,
  }
}

const WATCHED = [
  STREAM.runs,
  STREAM.tasks,
  STREAM.submissions,
  STREAM.circuits,
  STREAM.permits,
  STREAM.allocations,
  `OBJ_${BLOB_BUCKET}`,
] as const

const CALM_MS = 5_000
const TENSE_MS = 500

/** Looks again and again, more often as it fills. */
export function watchFill(nc: NatsConnection, onChange: (admission: Admission) => void): Disposable {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  /** As each was last seen: one that could not be looked at now has not become empty. */
  const seen = new Map<string, Fill>()
  const look = async (): Promise<void> => {
    for (const fill of await Promise.all(WATCHED.map((stream) => fillOf(nc, stream))))
      if (fill !== undefined) seen.set(fill.stream, fill)
    if (stopped) return
    const fills = [...seen.values()]
    if (fills.length > 0) onChange(admissionFor(fills))
    const tense = fills.some(({ part }) => part > FULL_FOR_NEW - 0.2)
    timer = setTimeout(() => void look(), tense ? TENSE_MS : CALM_MS)
  }
  void look()
  return {
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function fillOf(nc: NatsConnection, stream: string): Promise<Fill | undefined> {
  try {
    const reply = await nc.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: 5_000 })
    const info = JSON.parse(reply.string()) as { config?: { max_bytes: number }; state?: { bytes: number } }
    const most = info.config?.max_bytes ?? -1
    return most > 0 && info.state ? { stream, part: info.state.bytes / most } : undefined
  } catch {
    return undefined
  }
}
