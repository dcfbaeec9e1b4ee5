/** Flows as data, what each must come to, and the tasks that they use. */
import fc from 'fast-check'
import type { StepIdentity } from '#shared/contract/subjects.ts'
import { flow, group, sideEffect, signal, sleep, stepContext, task } from '#shared/flow/index.ts'
import { registry } from '#shared/flow/registry.ts'
import { inTask } from './threads.ts'

export type Program =
  | { do: 'task'; x: number; ms: number; fails: number; retries: number; delay: number }
  | { do: 'map'; n: number; most: number }
  | { do: 'many'; n: number; ms: number; fails: number }
  | { do: 'sleep'; seconds: number }
  | { do: 'effect'; x: number }
  | { do: 'cancelled'; x: number }
  | { do: 'signal'; x: number; seconds: number }
  | { do: 'group'; ms: number }
  | { do: 'child'; part: Program }
  | { do: 'again'; part: Program; until: number }
  | { do: 'then' | 'all' | 'race'; parts: Program[] }

const double = task('double', (x: number, _ms?: number, failing?: number) => {
  if (stepContext().attempt <= (failing ?? 0)) throw new Error(`attempt ${stepContext().attempt}`)
  return x * 2
})
const fails = task('fails', (): never => {
  throw new Error('always')
})
const failsUntil = task('fails until', (step: number) => {
  if (stepContext().step <= step) throw new Error('too early')
  return 'late enough'
})

/** How long a task takes, and what it comes to. */
export function runTask(name: string, args: unknown[], id: StepIdentity): { ms: number; run: () => unknown } {
  const fn = registry.tasks.get(name)?.fn as ((...args: unknown[]) => unknown) | undefined
  const ms = (args[1] as number | undefined) ?? 20
  return { ms, run: () => inTask({ ...id, name }, () => fn?.(...args)) }
}

const doubled = (x: number, ms: number, failing = 0, retries = 0, delay = 0) =>
  double.with({ retries, retryDelaySeconds: delay }).run(x, ms, failing)

const codeOf = (error: unknown): string => (error as { code: string }).code

async function execute(what: Program, path: string): Promise<unknown> {
  const all = (parts: Program[]) => parts.map((part, i) => execute(part, `${path}-${i}`))
  switch (what.do) {
    case 'task':
      return doubled(what.x, what.ms, what.fails, what.retries, what.delay).catch(codeOf)
    case 'map':
      return double
        .with({ retries: 0 })
        .map(
          Array.from({ length: what.n }, (_, i) => i),
          { concurrency: what.most },
        )
        .catch(codeOf)
    case 'many':
      return Promise.all(Array.from({ length: what.n }, (_, i) => doubled(i, what.ms, what.fails, 2)))
    case 'sleep':
      await sleep(what.seconds)
      return 'slept'
    case 'effect':
      return sideEffect('effect', () => what.x)
    case 'cancelled': {
      // Longer than anything that may keep the cancellation back.
      const future = doubled(what.x, 1_200_000)
      await sleep(1)
      future.cancel()
      return future.then(() => 'completed', codeOf)
    }
    case 'signal': {
      const one = signal<number>(path, { scope: 'run' })
      const heard = one.wait()
      await sleep(what.seconds)
      await one.set(what.x)
      return heard
    }
    case 'group':
      return group(async () => {
        const others = [doubled(1, what.ms), doubled(2, what.ms)]
        await fails.run()
        return Promise.all(others)
      }).catch(codeOf)
    case 'child':
      return program.run({ what: what.part, path: `${path}-c` })
    case 'again':
      return again.run({ what: what.part, path: `${path}-a`, until: what.until })
    case 'then': {
      const values: unknown[] = []
      for (const [i, part] of what.parts.entries()) values.push(await execute(part, `${path}-${i}`))
      return values
    }
    case 'all':
      return Promise.all(all(what.parts))
    case 'race': {
      const parts = all(what.parts)
      await Promise.race(parts)
      // Which one is first may differ from run to run, but what follows must be the same at every replay.
      return Promise.all(parts)
    }
  }
}

export const program = flow('program', ({ what, path }: { what: Program; path: string }) =>
  execute(what, path),
)

/** Fails as a whole until its steps have large enough numbers: each attempt begins behind the last one. */
export const again = flow(
  'again',
  { retries: 4, retryDelaySeconds: 1 },
  async ({ what, path, until }: { what: Program; path: string; until: number }) => {
    const value = await execute(what, path)
    await failsUntil.run(until)
    return value
  },
)

/** What the program must come to, whatever happens on the way. */
export function expected(what: Program): unknown {
  switch (what.do) {
    case 'task':
      return what.fails > what.retries ? 'TASK_FAILED' : what.x * 2
    case 'map':
    case 'many':
      return Array.from({ length: what.n }, (_, i) => i * 2)
    case 'sleep':
      return 'slept'
    case 'effect':
    case 'signal':
      return what.x
    case 'cancelled':
      return 'CANCELLED'
    case 'group':
      return 'TASK_FAILED'
    case 'child':
    case 'again':
      return expected(what.part)
    default:
      return what.parts.map(expected)
  }
}

export const { anyProgram } = fc.letrec<{ anyProgram: Program }>((tie) => ({
  anyProgram: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      do: fc.constant('task' as const),
      x: fc.nat(9),
      ms: fc.nat(3_000),
      fails: fc.nat(2),
      retries: fc.nat(2),
      delay: fc.nat(4),
    }),
    fc.record({ do: fc.constant('many' as const), n: fc.nat(20), ms: fc.nat(2_000), fails: fc.nat(2) }),
    fc.record({ do: fc.constant('sleep' as const), seconds: fc.nat(20) }),
    fc.record({ do: fc.constant('effect' as const), x: fc.nat(9) }),
    fc.record({
      do: fc.constant('map' as const),
      n: fc.nat(12),
      most: fc.integer({ min: 1, max: 9 }),
    }),
    fc.record({ do: fc.constant('cancelled' as const), x: fc.nat(9) }),
    fc.record({ do: fc.constant('signal' as const), x: fc.nat(9), seconds: fc.nat(5) }),
    fc.record({ do: fc.constant('group' as const), ms: fc.nat(5_000) }),
    fc.record({ do: fc.constant('child' as const), part: tie('anyProgram') }),
    fc.record({ do: fc.constant('again' as const), part: tie('anyProgram'), until: fc.nat(4) }),
    fc.record({
      do: fc.constantFrom('then' as const, 'all' as const, 'race' as const),
      parts: fc.array(tie('anyProgram'), { minLength: 1, maxLength: 4 }),
    }),
  ),
}))
