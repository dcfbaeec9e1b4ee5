/**
 * The tutorial: a small flow, awaited step by step, and a larger one that submits many tasks at once.
 *
 *   scripts/qubus run scripts/flows/tutorial.ts -p n=10
 *   scripts/qubus run 'scripts/flows/tutorial.ts#simple' -p name=Ada
 */
import { flow, log, task } from 'qubus'
import { z } from 'zod'

const greet = task('greet', (name: string) => `Hello, ${name}!`)

/** The smallest flow: one task, awaited. */
export const simple = flow(
  'tutorial-simple',
  { input: z.object({ name: z.string().default('world') }) },
  async ({ name }) => {
    const greeting = await greet.run(name)
    log.info(greeting)
    return greeting
  },
)

const square = task('square', (x: number) => x * x, { pool: 'cpu', retries: 3, retryDelaySeconds: 2 })
const add = task('add', (numbers: number[]) => numbers.reduce((sum, each) => sum + each, 0))

/** Many tasks: one alone, then futures from a loop, a mapped list, and a list that is awaited as a whole. */
export default flow(
  'tutorial',
  { input: z.object({ n: z.number().int().min(1).default(10) }), runName: 'tutorial-{n}' },
  async ({ n }) => {
    const first = square.submit(3)
    log.info('one task', { value: await first.result() })

    const futures = []
    for (let i = 0; i < n; i++) futures.push(square.submit(i))
    const looped: number[] = []
    for (const future of futures) looped.push(await future)

    const mapped = await square.map(
      Array.from({ length: n }, (_, i) => i),
      { concurrency: 4 },
    )
    const together = await Promise.all(Array.from({ length: n }, (_, i) => square.submit(i)))

    const [a, b, c] = await Promise.all([add.submit(looped), add.submit(mapped), add.submit(together)])
    log.info('three ways, one sum', { a, b, c })
    return { n, sums: [a, b, c], equal: a === b && b === c }
  },
)
