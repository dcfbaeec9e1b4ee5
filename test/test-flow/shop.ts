/** A flow that uses most of what there is, and tasks that tests replace. */
import {
  artifact,
  circuit,
  flow,
  group,
  log,
  now,
  program,
  random,
  signal,
  sleep,
  stepContext,
  task,
} from 'qubus'
import { z } from 'zod'

export const tries: number[] = []

const square = task('square', async (x: number) => x * x)
const flaky = task(
  'flaky',
  () => {
    tries.push(stepContext().attempt)
    if (stepContext().attempt < 3) throw new Error('not yet')
    return 'at last'
  },
  { retries: 3, retryDelaySeconds: 3600 },
)
const hangs = task('hangs', () => new Promise<never>(() => {}), { timeoutSeconds: 0.2 })
const price = task('price', async (_item: string): Promise<number> => {
  throw new Error('the shop is closed')
})
const notes = task('notes', (text: string) => {
  console.log(text)
  artifact.json('note', { text })
})

export const doubled = flow('doubled', async ({ n }: { n: number }) => (await square.run(n)) * 2)

export default flow('shop', { input: z.object({ n: z.number().int() }) }, async ({ n }) => {
  log.info('begins', { n })
  const from = now()
  const squares = await square.map(Array.from({ length: n }, (_, i) => i))
  const late = await flaky.run()
  await sleep(24 * 3600)
  const child = await doubled.run({ n: 4 })
  const both = await group(() => Promise.all([square.run(7), square.run(8)]))
  return { squares, late, child, both, hours: Math.round((now() - from) / 3_600_000), dice: random() }
})

export const hanging = flow('hanging', () => hangs.run())
export const buys = flow('buys', async (items: string[]) => {
  const prices = await price.map(items)
  return prices.reduce((a, b) => a + b, 0)
})
export const approves = flow('approves', async () => {
  const who = await signal<{ by: string }>('approved').wait({ timeoutSeconds: 600 })
  await signal('done').set({ at: who.by })
  return who.by
})
export const waitsForEver = flow('waits-for-ever', () => signal('never').wait())
export const real = flow('real', async () => {
  const { stdout } = await program('echo', ['hello'])
  const { counts } = await circuit(
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; x q[0]; measure q -> c;',
    { shots: 100 },
  ).run({ device: 'any' })
  await notes.run('noted')
  return { stdout, counts }
})
export const stubborn = flow('stubborn', { retries: 1, retryDelaySeconds: 60 }, async () => {
  await square.run(2)
  throw new Error('never')
})
export const forgets = flow('forgets', async () => {
  void hangs.submit()
  return 'too early'
})
export const unsendable = flow('unsendable', () => square.run((() => 1) as never))

let opened = 0
export const counts = flow('counts', async () => {
  opened++
  await square.run(opened) // differs
})
export const countsBelow = flow('counts-below', () => counts.run(undefined))
export const returnsOther = flow('returns-other', async () => {
  await square.run(1)
  return ++opened
})
const once = new Set<string>()
export const remembers = flow('remembers', async ({ twice }: { twice: boolean }) => {
  if (once.has('key') === twice) await square.run(1)
  once.add('key')
})
export const forgetsOne = flow('forgets-one', () => {
  if (!once.has('one')) void square.submit(1)
  once.add('one')
})
const slow = task('slow', (x: number) => new Promise<number>((resolve) => setTimeout(resolve, 20, x)))
export const cutsOff = flow('cuts-off', async () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i)
  const error = await group(() =>
    Promise.all([slow.map(numbers, { concurrency: 2 }), square.run(3).then(() => price.run('tea'))]),
  ).catch((reason: Error) => reason)
  const failing = await price
    .map(['tea', 'cake', 'milk'], { concurrency: 1 })
    .catch((reason: Error) => reason)
  return { error: String(error), failing: String(failing), afterwards: await square.run(4) }
})

const same = task('same', (x: number) => x)
export const sums = flow('sums', async (n: number) => {
  const all = await same.map(Array.from({ length: n }, (_, i) => i))
  return all.reduce((a, b) => a + b, 0)
})
