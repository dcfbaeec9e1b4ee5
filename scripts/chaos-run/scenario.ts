/** The runs of one round, made from its seed. */
import type { Chance } from './chance.ts'
import { type Branch, expectedOf, type Operation } from './operations.ts'

export type PlannedRun = {
  run: string
  flow: 'chaos' | 'doomed'
  branches: Branch[]
  /** When it is asked for, in milliseconds of the round. */
  at: number
  /** When it is to be cancelled. */
  cancelAt?: number
  expected:
    | { state: 'completed'; result: unknown }
    | { state: 'failed'; message: string }
    | { state: 'cancelled' }
}

/** @param seed names the runs and their signals. */
export function planRuns(seed: number, chance: Chance): PlannedRun[] {
  const runs: PlannedRun[] = []
  const add = (flow: PlannedRun['flow'], branches: Branch[], more: Partial<PlannedRun> = {}): void => {
    runs.push({
      run: `c${seed}-${runs.length + 1}`,
      flow,
      branches,
      at: Math.floor(chance.between(0, 2_000)),
      expected: { state: 'completed', result: expectedOf(branches) },
      ...more,
    })
  }
  const count = chance.integer(4, 7)
  for (let i = 0; i < count; i++) add('chaos', someBranches(chance, `${seed}-${i}`))

  // Two runs that hand a value to and fro.
  const [ping, pong] = [`ping-${seed}`, `pong-${seed}`]
  const [there, back] = [chance.integer(1, 1e6), chance.integer(1, 1e6)]
  add('chaos', [
    [
      { op: 'set', name: ping, value: there },
      { op: 'wait', name: pong, value: back },
    ],
    [someTasks(chance)],
  ])
  add('chaos', [
    [{ op: 'wait', name: ping, value: there }, someTasks(chance), { op: 'set', name: pong, value: back }],
  ])

  add('doomed', [[someTasks(chance)]], { expected: { state: 'failed', message: 'doomed' } })
  add('chaos', [[someTasks(chance), { op: 'wait', name: `never-${seed}`, value: 0 }]], {
    expected: { state: 'cancelled' },
    cancelAt: Math.floor(chance.between(2_000, 5_000)),
  })
  return runs
}

function someBranches(chance: Chance, name: string, depth = 0): Branch[] {
  return Array.from({ length: chance.integer(1, 3) }, (_, branch) =>
    Array.from({ length: chance.integer(1, 4) }, (_, i) =>
      someOperation(chance, `${name}-${branch}-${i}`, depth),
    ),
  )
}

const WEIGHTS: Record<Operation['op'], number> = {
  tasks: 6,
  map: 4,
  limited: 3,
  circuits: 5,
  caught: 2,
  group: 2,
  program: 3,
  sleep: 3,
  dropped: 1,
  vain: 1,
  effect: 1,
  large: 1,
  sub: 2,
  // They come in pairs, above.
  set: 0,
  wait: 0,
}

function someOperation(chance: Chance, name: string, depth: number): Operation {
  const op = chance.weighed(WEIGHTS)
  switch (op) {
    case 'map': {
      const bounded = chance.next() < 0.5
      return {
        op,
        values: values(chance, chance.integer(5, 40)),
        ms: chance.integer(0, 60),
        ...(bounded ? { concurrency: chance.integer(1, 8) } : {}),
      }
    }
    case 'limited':
      return { op, values: values(chance, chance.integer(2, 6)), ms: chance.integer(0, 200) }
    case 'circuits':
      return {
        op,
        device: chance.weighed({ any: 3, vqpu: 5, own: 1 }),
        id: chance.integer(1, 1e9),
        bits: Array.from({ length: chance.integer(1, 8) }, () => chance.integer(0, 2)),
        shots: chance.integer(1, 100),
      }
    case 'caught':
    case 'group':
      return { op, message: `as planned ${chance.integer(1, 1e6)}`, ms: chance.integer(0, 300) }
    case 'program':
      return { op, text: `text-${chance.integer(1, 1e6)}`, seconds: chance.integer(0, 20) / 10 }
    case 'sleep':
      return { op, seconds: chance.integer(1, 30) / 10 }
    case 'vain':
      return { op, name: `vain-${name}`, seconds: chance.integer(1, 20) / 10 }
    case 'effect':
      return { op, value: chance.integer(1, 1e6) }
    case 'large':
      return { op, bytes: chance.integer(300_000, 600_000), value: chance.integer(1, 255) }
    case 'dropped':
      return { op }
    case 'sub':
      return depth < 2 ? { op, branches: someBranches(chance, name, depth + 1) } : someTasks(chance)
    default:
      return someTasks(chance)
  }
}

function someTasks(chance: Chance): Operation {
  return {
    op: 'tasks',
    uses: Array.from({ length: chance.integer(1, 12) }, () => ({
      value: chance.integer(0, 1000),
      ms: chance.integer(0, 250),
      ...(chance.next() < 0.15 ? { failures: chance.integer(1, 2) } : {}),
    })),
  }
}

function values(chance: Chance, count: number): number[] {
  return Array.from({ length: count }, () => chance.integer(0, 1000))
}
