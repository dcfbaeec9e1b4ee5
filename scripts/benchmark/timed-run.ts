/** One run, timed as its user sees it. */
import type { Bundle } from '#shared/bundle/index.ts'
import type { Client } from '#shared/client/index.ts'

/** Seconds from the request to the result, and to all of it being in Postgres. */
export type Timed = { result: unknown; untilResult: number; untilStored: number }

export async function timedRun(
  client: Client,
  bundle: Bundle,
  flow: string,
  params: unknown,
): Promise<Timed> {
  const from = performance.now()
  const run = await client.request({ flow, bundle, params })
  const result = await client.result(run)
  const untilResult = (performance.now() - from) / 1000
  // `completed` is the last record of the run: when it is in Postgres, so are all before it.
  while ((await client.query('run', { run })).run?.state !== 'completed') await pause(10)
  return { result, untilResult, untilStored: (performance.now() - from) / 1000 }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
