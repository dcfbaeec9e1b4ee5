/**
 * What the compiler must know of a flow file without being told: checked by `tsc`, run by nobody. Each `@ts-expect-error`
 * is a mistake that must not compile.
 */

import type { Flow, ProgramResult } from 'qubus'
import { circuit, flow, group, program, signal, sleep, subFlow, type TaskFuture, task } from 'qubus'
import { z } from 'zod'

/** Compiles only when both are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_same: Same<A, B>): void {}

const square = task('square', async (x: number) => x * x)
const plain = task('plain', (text: string, times = 1) => text.repeat(times))
const nothing = task('nothing', () => {})
const two = task('two', (a: number, b: string) => ({ a, b }))
const generic = task('first', <T>(items: T[]) => items[0])
const optioned = task('optioned', (x: number) => `${x}`, {
  retries: 3,
  cache: { key: (x) => x + 1 },
  memory: '2GB',
})

export const tasks = flow('tasks', async () => {
  const future = square.submit(3)
  same<typeof future, TaskFuture<number>>(true)
  const value = await future
  same<typeof value, number>(true)
  const text = await plain.run('a')
  same<typeof text, string>(true)
  await plain.run('a', 2)
  const all = await square.map([1, 2, 3], { concurrency: 2 })
  same<typeof all, number[]>(true)
  const texts = await plain.map(new Set(['a']))
  same<typeof texts, string[]>(true)
  const pair = await two.run(1, 'b')
  same<typeof pair, { a: number; b: string }>(true)
  const none = await nothing.run()
  same<typeof none, void>(true)
  const again = await square.with({ retries: 1, pool: 'cpu' }).submit(1).result()
  same<typeof again, number>(true)
  const shown = await optioned.run(1)
  same<typeof shown, string>(true)
  await generic.run([1])
  const [a, b] = await Promise.all([square.run(1), plain.run('x')])
  same<[typeof a, typeof b], [number, string]>(true)

  // @ts-expect-error a string is no number
  square.run('3')
  // @ts-expect-error an argument is missing
  square.run()
  // @ts-expect-error one too many
  nothing.run(1)
  // @ts-expect-error items of another type
  square.map(['a'])
  // @ts-expect-error a task that needs two arguments can't be mapped over one
  two.map([1])
  // @ts-expect-error no such option
  square.with({ retry: 3 })
  // @ts-expect-error retries are a number
  task('t', () => 1, { retries: '3' })
  // @ts-expect-error the key sees the task's own arguments
  task('t', (x: number) => x, { cache: { key: (x: string) => x } })
  return value
})
same<typeof tasks extends Flow<unknown, infer R> ? R : never, number>(true)

const Input = z.object({ n: z.number().int(), at: z.coerce.date(), name: z.string().default('x') })
export const checked = flow('checked', { input: Input }, async ({ n, at, name }) => {
  same<typeof n, number>(true)
  same<typeof at, Date>(true)
  same<typeof name, string>(true)
  return { n, name }
})

export const nested = flow('nested', async ({ n }: { n: number }) => {
  // What goes in is what the schema takes; defaults may be left out.
  const sub = await checked.run({ n, at: new Date(0) }, { pool: 'gpu' })
  same<typeof sub, { n: number; name: string }>(true)
  // @ts-expect-error a parameter is missing
  checked.run({ at: new Date(0) })
  // @ts-expect-error no such parameter type
  nested.run({ n: 'one' })
  const byType = await subFlow<typeof checked>('checked').run({ n: 1, at: new Date(0) })
  same<typeof byType, { n: number; name: string }>(true)
  const byHand = await subFlow<{ n: number }, string>('other').run({ n: 1 })
  same<typeof byHand, string>(true)
  // @ts-expect-error parameters of a named flow are checked, too
  subFlow<{ n: number }, string>('other').run({ m: 1 })
  return sub.n
})

export const others = flow('others', async () => {
  const done = await program('ls', ['-l'], { pool: 'cpu', cores: 2 })
  same<typeof done, ProgramResult>(true)
  same<typeof done.exitCode, number>(true)
  // @ts-expect-error arguments are a list: no shell reads them
  program('ls -l', '-l')

  const { counts, shots } = await circuit('OPENQASM 2.0;', { shots: 10 }).run({ device: 'any' })
  same<typeof counts, Record<string, number>>(true)
  same<typeof shots, number>(true)
  // @ts-expect-error shots are a number
  circuit('OPENQASM 2.0;', { shots: '10' })

  const ready = await signal<{ id: number }>('ready').wait({ timeoutSeconds: 1 })
  same<typeof ready, { id: number }>(true)
  await signal<{ id: number }>('ready').set({ id: 1 })
  // @ts-expect-error what is set is what is waited for
  signal<{ id: number }>('ready').set({ id: 'one' })

  const grouped = await group(async () => [await square.run(1), await plain.run('a')] as const)
  same<typeof grouped, readonly [number, string]>(true)
  const slept = await sleep(1)
  same<typeof slept, void>(true)
})
