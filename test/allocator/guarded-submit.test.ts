import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guardSubmit } from '../../services/allocator/guarded-submit.ts'
import type { JobSpec, Scheduler } from '../../services/allocator/scheduler.ts'
import type { Actor } from '../../shared/actor/actor.ts'
import { QubusError } from '../../shared/contract/errors.ts'
import type { QubusEvent } from '../../shared/contract/event.ts'
import { until } from '../support/until.ts'

const SPEC: JobSpec = { name: 'j', pool: 'cpu', kind: 'worker', argv: [], environment: {}, cores: 1 }

test('a storm of failing submissions stops asking the scheduler, says why, and goes on when it is well again', async () => {
  const events: QubusEvent[] = []
  const silent = { error() {}, info() {} }
  const actor = {
    stopping: new AbortController().signal,
    log: silent,
    emit: (event: QubusEvent) => events.push(event),
  } as unknown as Actor
  let asked = 0
  let well = false
  const scheduler = {
    async submit() {
      asked++
      if (!well) throw new QubusError('ALLOCATION_FAILED', 'the partition is down')
      return 'j'
    },
  } as unknown as Scheduler
  using guard = guardSubmit(actor, scheduler, { resetMs: 200, failures: 3 })
  for (let i = 0; i < 20; i++) await assert.rejects(guard.submit(SPEC), /the partition is down/)
  assert.equal(asked, 3)
  assert.equal(guard.openBecause, 'the partition is down')
  await assert.rejects(guard.submit(SPEC), (error: QubusError) => error.facts.breaker === 'open')
  assert.deepEqual(
    events.map(({ verb, data }) => [verb, data.reason]),
    [['paused', 'the partition is down']],
  )
  well = true
  await until('a submission', () => guard.submit(SPEC).catch(() => undefined))
  assert.equal(guard.openBecause, undefined)
  assert.equal(events.at(-1)?.verb, 'resumed')
})
