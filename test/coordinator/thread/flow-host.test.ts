/** What a flow comes to must not depend on how much of its log it is given at once. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { flow, task } from 'qubus'
import { packItems, unpackSteps } from '../../../services/coordinator/thread/compact.ts'
import { FlowHost } from '../../../services/coordinator/thread/flow-host.ts'
import { installPlaces } from '../../../services/coordinator/thread/flow-place.ts'
import type { FromThread, LogItem } from '../../../services/coordinator/thread/protocol.ts'
import { encodeValue } from '../../../shared/wire/value.ts'

installPlaces()
const [one, two] = [task('one', () => 1), task('two', () => 2)]
const behind = flow('behind', () => {
  void one.submit()
  void two.submit()
  return 'returned at once'
})

async function endOf(batches: ('one' | 'two')[][]): Promise<string | undefined> {
  const said: FromThread[] = []
  const host = new FlowHost({ find: () => behind.definition, send: (message) => said.push(message) })
  const key = 'run#1'
  const origin = { run: 'run', at: 1 }
  const params = encodeValue({}, 'the parameters')
  host.receive({
    type: 'start',
    key,
    run: 'run',
    bundle: { file: '', flow: 'behind' },
    params,
    origin,
    attempt: 1,
    base: 0,
  })
  const steps = () => said.flatMap((each) => (each.type === 'steps' ? unpackSteps(each.steps) : []))
  while (steps().length < 2) await turn()
  const outcome = (name: string): LogItem => {
    const { step, digest } = steps().find((each) => each.name === name) ?? assert.fail(name)
    const common = { kind: 'outcome', step, digest, name, at: 2 } as const
    if (name === 'two') return { ...common, state: 'completed', result: encodeValue(2, 'the result') }
    return {
      ...common,
      state: 'failed',
      error: { code: 'STEP_FAILED', name: 'Error', message: 'on purpose' } as never,
    }
  }
  for (const batch of batches) {
    host.receive({ type: 'items', key, items: packItems(batch.map(outcome)) })
    for (let i = 0; i < 20; i++) await turn()
  }
  const end = said.find((each) => each.type === 'end')
  return end?.type === 'end' ? (end.end.error?.code ?? end.end.state) : undefined
}

for (const order of [
  ['one', 'two'],
  ['two', 'one'],
] as const)
  it(`a step that failed and nobody awaited fails the run: ${order.join(', then ')}`, async () => {
    assert.equal(await endOf([[...order]]), 'UNHANDLED_REJECTION', 'given at once')
    assert.equal(await endOf(order.map((each) => [each])), 'UNHANDLED_REJECTION', 'given one by one')
  })
