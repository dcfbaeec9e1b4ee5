/** Latencies: of a step that depends on the one before, of a whole flow, of a circuit on a warm vQPU. */

import type { Bundle } from '#shared/bundle/index.ts'
import { readAll } from '#shared/bus/direct.ts'
import { openSession } from '#shared/client/session.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { parseRecordSubject, record } from '#shared/contract/subjects.ts'
import { type Figure, median, quantile } from './figures.ts'
import type { BenchSystem } from './systems.ts'

const STEPS = 200
const FLOWS = 100

export async function measureSteps(system: BenchSystem, bundle: Bundle, rounds: number): Promise<Figure[]> {
  const samples: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const run = await runOf(system, bundle, 'bench-chain', { n: STEPS })
    if (round > 0) samples.push(...(await stepTimes(system.home, run)))
  }
  return quantiles('one dependent no-op step', samples)
}

export async function measureFlows({ client }: BenchSystem, bundle: Bundle): Promise<Figure[]> {
  const samples: number[] = []
  for (let i = 0; i < FLOWS + 20; i++) {
    const from = performance.now()
    await client.result(await client.request({ flow: 'bench-none', bundle, params: {} }))
    if (i >= 20) samples.push(performance.now() - from)
  }
  return quantiles('no-op flow, request to result', samples)
}

export async function measureCircuits(
  system: BenchSystem,
  bundle: Bundle,
  rounds: number,
): Promise<Figure[]> {
  const launched = (await system.client.run('vqpu-launch', { id: 'bench', walltimeSeconds: 3600 })) as {
    id: string
  }
  const samples: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const run = await runOf(system, bundle, 'bench-circuits', { n: STEPS, device: launched.id })
    if (round > 0) samples.push(...(await stepTimes(system.home, run)))
  }
  await system.client.drain(launched.id)
  return quantiles('ghz5 x 1000 shots on a warm vQPU, in a flow', samples)
}

async function runOf(
  { client }: BenchSystem,
  bundle: Bundle,
  flow: string,
  params: unknown,
): Promise<string> {
  const run = await client.request({ flow, bundle, params })
  await client.result(run)
  return run
}

/**
 * Milliseconds from each outcome to the next, by the broker's clock: each step is asked for when the flow has the
 * outcome before, so this is the whole way from result to result.
 */
async function stepTimes(home: string, run: string): Promise<number[]> {
  await using session = await openSession({ home })
  const times: number[] = []
  for await (const page of readAll(session.bus.nc, STREAM.runs, record(run).all)) {
    for (const { subject, time } of page) {
      if (parseRecordSubject(subject)?.record.kind === 'outcome') times.push(milliseconds(time))
    }
  }
  return times.slice(1).map((time, i) => time - (times[i] ?? 0))
}

// The broker gives nanoseconds; a Date keeps whole milliseconds.
function milliseconds(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '0'
  return Math.floor(Date.parse(time) / 1000) * 1000 + Number(`0.${fraction}`) * 1000
}

function quantiles(what: string, samples: number[]): Figure[] {
  return [
    { bench: `${what}, p50`, value: median(samples), unit: 'ms' },
    { bench: `${what}, p99`, value: quantile(samples, 0.99), unit: 'ms' },
  ]
}
