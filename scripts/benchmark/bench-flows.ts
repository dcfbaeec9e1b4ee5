/** Flows that do nothing but be measured. */
import { circuit, flow, signal, sleep, task } from 'qubus'
import ghz from '../flows/circuits/ghz5.qasm'

const noop = task('noop', (i: number) => i)

export const none = flow('bench-none', async () => 1)

export const fanOut = flow('bench-fan-out', async ({ n }: { n: number }) => {
  const results = await Promise.all(Array.from({ length: n }, (_, i) => noop.submit(i)))
  return results.reduce((sum, each) => sum + each, 0)
})

export const chain = flow('bench-chain', async ({ n }: { n: number }) => {
  for (let i = 0; i < n; i++) await noop.submit(i)
  return n
})

export const circuits = flow('bench-circuits', async ({ n, device }: { n: number; device: string }) => {
  for (let i = 0; i < n; i++) await circuit(ghz, { shots: 1000, seed: i }).run({ device })
  return n
})

/** One step that is many: recorded as one range. */
export const mapped = flow('bench-map', async ({ n }: { n: number }) => {
  const results = await noop.map(Array.from({ length: n }, (_, i) => i))
  return results.reduce((sum, each) => sum + each, 0)
})

export const one = flow('bench-one', () => noop.run(1))

/** Active until it is told, with one step done and one waiting. */
export const waiting = flow('bench-waiting', async ({ until }: { until: string }) => {
  await signal(until).wait()
})

const failing = task('failing', () => {
  throw new Error('for now')
})
/** Every task has failed once and waits for its second attempt. */
export const retrying = flow('bench-retrying', async ({ n }: { n: number }) => {
  await failing
    .with({ retries: 1, retryDelaySeconds: 3600 })
    .map(Array.from({ length: n }, () => undefined as never))
})

export const sleeping = flow('bench-sleeping', () => sleep(3600))

export const sets = flow('bench-sets', ({ name }: { name: string }) => signal(name).set(true))
