/** Flows that do nothing but be measured. */
import { circuit, flow, task } from 'qubus'
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
