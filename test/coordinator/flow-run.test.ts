import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { TaskFuture } from '#shared/flow/future.ts'
import { encodeValue } from '#shared/wire/value.ts'
import { unpackSteps } from '../../services/coordinator/thread/compact.ts'
import { FlowRun } from '../../services/coordinator/thread/flow-run.ts'
import type { FlowEnd, LogItem, WantedStep } from '../../services/coordinator/thread/protocol.ts'

/** A program as data: what a flow's author might write. */
type Program =
  | { do: 'step'; name: number }
  | { do: 'draw' }
  | { do: 'then'; parts: Program[] }
  | { do: 'all' | 'race' | 'any' | 'settled'; parts: Program[] }
  | { do: 'branch'; on: Program; yes: Program; no: Program }

const { program } = fc.letrec<{ program: Program }>((tie) => ({
  program: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ do: fc.constant('step' as const), name: fc.nat(9) }),
    fc.record({ do: fc.constant('draw' as const) }),
    fc.record({ do: fc.constant('then' as const), parts: fc.array(tie('program'), { maxLength: 4 }) }),
    fc.record({
      do: fc.constantFrom('all' as const, 'race' as const, 'any' as const, 'settled' as const),
      parts: fc.array(tie('program'), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      do: fc.constant('branch' as const),
      on: tie('program'),
      yes: tie('program'),
      no: tie('program'),
    }),
  ),
}))

const settled = (end: PromiseSettledResult<unknown>): unknown =>
  end.status === 'fulfilled' ? end.value : `failed ${String(end.reason)}`

async function execute(what: Program, flow: FlowRun, trace: unknown[]): Promise<unknown> {
  const run = (part: Program): Promise<unknown> => execute(part, flow, trace)
  switch (what.do) {
    case 'step': {
      const value = await TaskFuture.request(flow, {
        kind: 'task',
        name: `task ${what.name}`,
        value: [what.name, flow.now()],
        policy: {},
      })
      trace.push(value)
      return value
    }
    case 'draw':
      return flow.random() < 0.5 ? 1 : 2
    case 'then': {
      let last: unknown = 0
      for (const part of what.parts) last = await run(part)
      return last
    }
    case 'all':
      return Promise.all(what.parts.map(run))
    case 'race':
      return Promise.race(what.parts.map(run))
    case 'any':
      return Promise.any(what.parts.map(run)).catch(() => 'none')
    case 'settled':
      return (await Promise.allSettled(what.parts.map(run))).map(settled)
    case 'branch':
      return JSON.stringify(await run(what.on).catch((error: Error) => error.message)).length % 2 === 0
        ? run(what.yes)
        : run(what.no)
  }
}

type Played = { asked: string[]; trace: unknown[]; end: FlowEnd | undefined; log: LogItem[] }

/**
 * Plays a program against a log. After `recorded` is used up, `choose` picks the open step that ends next, and how;
 * without it the play stops there, as a coordinator that is killed does.
 */
async function play(
  what: Program,
  recorded: LogItem[],
  choose?: (open: number) => { at: number; fails: boolean },
): Promise<Played> {
  const played: Played = { asked: [], trace: [], end: undefined, log: [...recorded] }
  const open = new Map<number, WantedStep>()
  const flow = new FlowRun({
    key: 'run#1',
    run: 'run',
    origin: { run: 'run', at: 1_000 },
    attempt: 1,
    base: 0,
    send(message) {
      if (message.type === 'end') played.end = message.end
      if (message.type !== 'steps') return
      for (const step of unpackSteps(message.steps)) {
        played.asked.push(`${step.step} ${step.name} ${step.digest}`)
        open.set(step.step, step)
      }
    },
    enter: (fn) => fn(),
    enterEffect: (_step, fn) => fn(),
  })
  flow.start((() => execute(what, flow, played.trace)) as never, undefined)
  flow.deliver(recorded)
  await turns(recorded.length)
  for (const item of recorded) if (item.kind === 'outcome') open.delete(item.step)
  while (choose !== undefined && played.end === undefined && open.size > 0) {
    const { at, fails } = choose(open.size)
    const step = [...open.values()][at] as WantedStep
    open.delete(step.step)
    const item: LogItem = {
      kind: 'outcome',
      step: step.step,
      at: 1_000 + played.log.length * 7,
      digest: step.digest,
      name: step.name,
      ...(fails
        ? { state: 'failed', error: { code: 'TASK_FAILED', name: 'Error', message: `step ${step.step}` } }
        : { state: 'completed', result: encodeValue(step.step, 'test') }),
    }
    played.log.push(item)
    flow.deliver([item])
    await turns(1)
  }
  flow.stop()
  return played
}

// A turn for each delivery, and some for what the code does before and after.
async function turns(deliveries: number): Promise<void> {
  for (let i = 0; i < deliveries + 4; i++) await new Promise((resolve) => setImmediate(resolve))
}

it('a replay of every part of the log makes the same calls in the same order, with the same winners and end', async () => {
  await fc.assert(
    fc.asyncProperty(program, fc.infiniteStream(fc.tuple(fc.nat(1000), fc.nat(9))), async (what, chances) => {
      const choose = (open: number): { at: number; fails: boolean } => {
        const [at, luck] = chances.next().value as [number, number]
        return { at: at % open, fails: luck < 2 }
      }
      const original = await play(what, [], choose)
      for (let length = 0; length <= original.log.length; length++) {
        const prefix = original.log.slice(0, length)
        const replay = await play(what, prefix)
        assert.deepEqual(replay.asked, original.asked.slice(0, replay.asked.length))
        assert.deepEqual(replay.trace, original.trace.slice(0, replay.trace.length))
        if (length < original.log.length) continue
        assert.deepEqual(replay.asked, original.asked)
        assert.deepEqual(replay.trace, original.trace)
        assert.deepEqual(withoutStacks(replay.end), withoutStacks(original.end))
      }
    }),
    { numRuns: 500 },
  )
})

function withoutStacks(end: FlowEnd | undefined): unknown {
  return JSON.parse(JSON.stringify(end ?? null, (key, value) => (key === 'stack' ? undefined : value)))
}
