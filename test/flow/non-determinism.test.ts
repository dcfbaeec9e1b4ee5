import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile()
const flows = await actors.flows('changing.ts')
const LINES = readFileSync(new URL('../fixtures/flows/changing.ts', import.meta.url), 'utf8').split('\n')

/** The line of that flow which is marked. */
function lineOf(flow: string): number {
  const from = LINES.findIndex((line) => line.includes(`waits('${flow}'`))
  return LINES.findIndex((line, i) => i > from && line.endsWith('// here')) + 1
}

const KINDS = [
  'module state',
  'a library that caches',
  'changed arguments',
  'reordered calls',
  'the process',
  'a clock that is not covered',
  'memory',
  'what was kept when the file was loaded',
]

it('every kind of non-determinism ends the run as NON_DETERMINISTIC, naming the step, what was recorded, what was asked, and where', async () => {
  // Every flow thread of the first coordinator: as many at once as there can be, each in the idlest.
  await Promise.all(Array.from({ length: 16 }, () => flows.run('warm up')))
  const runs = new Map<string, string>()
  for (const flow of [...KINDS, 'fewer calls']) {
    // A run before it leaves something in the variables of the thread that both have.
    await flows.run(flow, { warm: true })
    const run = await flows.request(flow, {})
    runs.set(flow, run)
    await until(`${flow} to sleep`, async () => (await actors.history(run)).counts.timer)
  }
  const [first] = actors.coordinators
  assert.ok(first)
  await actors.kill(first)
  actors.coordinators = [await actors.start('coordinator')]
  for (const flow of KINDS) {
    const { state, error } = await actors.client.outcome(runs.get(flow) ?? '')
    assert.deepEqual([flow, state, error?.code], [flow, 'failed', 'NON_DETERMINISTIC'], error?.message)
    const message = error?.message ?? ''
    assert.match(
      message,
      /^step [12]: the log holds "(one|two)" \(\S+\), the flow asked for task "(one|two)" \(\S+\) at /,
    )
    assert.match(
      message,
      new RegExp(`at \\S*changing\\.ts:${lineOf(flow)}:\\d+: (another step|the same with other arguments)`),
    )
    assert.match(message, /sideEffect or a task/)
    assert.ok(Number(error?.facts?.['step']) > 0)
  }
  const { error } = await actors.client.outcome(runs.get('fewer calls') ?? '')
  assert.equal(error?.code, 'NON_DETERMINISTIC', error?.message)
  assert.match(error?.message ?? '', /the log holds "(one|sleep)"/)
})
