import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLastOf } from '#shared/bus/direct.ts'
import { DeadLetter } from '#shared/contract/dead-letter.ts'
import { newRunId } from '#shared/contract/ids.ts'
import type { FlowAttemptRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { encodeValue } from '#shared/wire/value.ts'
import { until } from '../support/until.ts'
import { COUNTS, completed, failedAttempt, inline, outcome, requested } from './records.ts'
import { openWorld } from './world.ts'

const START = 1_790_000_000_000

test('results stores what the run logs say', async (t) => {
  await using world = await openWorld()
  await world.results()

  async function deadOf(stream: string): Promise<DeadLetter[]> {
    const found = await readLastOf(world.bench.bus.nc, STREAM.dead, [filter.dead])
    return found.map((each) => decode(DeadLetter, each.data)).filter((letter) => letter.stream === stream)
  }

  await t.test('a run is running from its request on and ends with its result', async () => {
    const run = newRunId()
    await world.publish(
      requested(run, {
        project: 'p',
        user: 'u',
        tags: ['a', 'b'],
        parent: { run: 'parent', step: 2, attempt: 1, name: 'sub', digest: 'd', queuedAt: 1 },
      }),
    )
    await world.untilSql(`select state from runs where run = '${run}'`, 'running')
    await world.publish(outcome(run, 1), completed(run))
    await world.untilSql(`select state from runs where run = '${run}'`, 'completed')
    const [row] = await world.sql(
      'select *, extract(epoch from ended_at) * 1000 as ended_ms from runs where run = $1',
      [run],
    )
    assert.equal(row?.flow, 'tutorial')
    assert.deepEqual(row?.tags, ['a', 'b'])
    assert.equal(row?.parent_run, 'parent')
    assert.deepEqual(row?.result, Buffer.from(encodeValue('done', '')))
    assert.equal(Number(row?.ended_ms), 1_790_000_001_000)
  })

  await t.test('where a run comes from, how often it was tried, and what its steps took over', async () => {
    const run = newRunId()
    const error = { code: 'FLOW_FAILED', name: 'Error', message: 'not yet', stack: 'at …' } as const
    const failed: FlowAttemptRecord = { error, base: 2, at: START, dueAt: START + 500, writer: 'c-1' }
    await world.publish(
      requested(run, {
        priority: 5,
        timeoutSeconds: 60,
        resumes: 'before',
        schedule: { name: 'nightly', at: START },
        version: '0.2.0',
        parent: { run: 'p', step: 2, attempt: 1, name: 'sub', digest: 'd', queuedAt: 1, root: 'top' },
      }),
      { subject: record(run).flowAttempt(1), body: encode(failed) },
      outcome(run, 1),
      outcome(run, 3, { from: { how: 'resumed', run, step: 1, at: START } }),
      completed(run, { attempts: 2, steps: 3 }),
    )
    await world.untilSql(`select state from runs where run = '${run}'`, 'completed')
    const [row] = await world.sql(
      `select priority, timeout_seconds, resumes, schedule, version, root_run, attempts,
         (extract(epoch from scheduled_for) * 1000)::float8 as scheduled from runs where run = $1`,
      [run],
    )
    assert.deepEqual(row, {
      priority: 5,
      timeout_seconds: 60,
      resumes: 'before',
      schedule: 'nightly',
      version: '0.2.0',
      root_run: 'top',
      attempts: 2,
      scheduled: START,
    })
    const { run: summary, attempts } = await world.ask('run', { run })
    assert.deepEqual(
      [summary?.priority, summary?.resumes, summary?.schedule, summary?.attempts],
      [5, 'before', 'nightly', 2],
    )
    const { stack: _, ...shown } = error
    assert.deepEqual(attempts, [{ attempt: 1, error: shown, base: 2, failedAt: START, dueAt: START + 500 }])
    const { steps } = await world.ask('steps', { run })
    assert.deepEqual(
      steps.map(({ step, from }) => [step, from]),
      [
        [1, undefined],
        [3, { how: 'resumed', run, step: 1 }],
      ],
    )
  })

  await t.test('outcomes, failed attempts and losses become one row each', async () => {
    const run = newRunId()
    const lost = {
      subject: record(run).lost(1, 2, 1),
      body: encode({ writer: 'worker-2', at: 1_790_000_000_000 }),
    }
    await world.publish(
      requested(run),
      failedAttempt(run, 1, 1, { uncharged: true }),
      lost,
      outcome(run, 1, { attempt: 2, label: 'square of 1' }),
    )
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 1)
    const steps = await world.sql(
      'select step, state, attempt, name, label, node, result from steps where run = $1',
      [run],
    )
    assert.deepEqual(steps, [
      {
        step: 1,
        state: 'completed',
        attempt: 2,
        name: 'square',
        label: 'square of 1',
        node: 'node-1',
        result: Buffer.from(encodeValue(1, '')),
      },
    ])
    const attempts = await world.sql(
      'select attempt, nth, uncharged, error from attempts where run = $1 order by attempt',
      [run],
    )
    assert.deepEqual(attempts, [
      {
        attempt: 1,
        nth: 0,
        uncharged: true,
        error: { code: 'TASK_FAILED', name: 'Error', message: 'no luck' },
      },
      { attempt: 2, nth: 1, uncharged: true, error: null },
    ])
  })

  await t.test(
    "a circuit's counts are stored in Qiskit's bit order, from a message and from a blob alike",
    async () => {
      const run = newRunId()
      const blob = await world.bench.blobs.put(encodeValue({ ...COUNTS, seed: 9 }, ''))
      await world.publish(
        requested(run),
        outcome(run, 1, { kind: 'circuit', name: 'bell', result: inline(COUNTS) }),
        outcome(run, 2, { kind: 'circuit', name: 'bell', result: { blob, size: 100 } }),
      )
      await world.untilSql(`select count(*)::int from circuits where run = '${run}'`, 2)
      const circuits = await world.sql(
        'select step, seed, counts from circuits where run = $1 order by step',
        [run],
      )
      assert.deepEqual(circuits, [
        { step: 1, seed: 7, counts: { '0 00': 480, '1 11': 520 } },
        { step: 2, seed: 9, counts: { '0 00': 480, '1 11': 520 } },
      ])
    },
  )

  await t.test('an outcome that comes after its run has ended is stored', async () => {
    const run = newRunId()
    await world.publish(requested(run), completed(run))
    await world.untilSql(`select state from runs where run = '${run}'`, 'completed')
    await world.publish(outcome(run, 7))
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 1)
  })

  await t.test('a malformed record becomes a dead letter and the next one is stored', async () => {
    const run = newRunId()
    await world.publish(
      requested(run),
      { subject: record(run).outcome(1), body: Buffer.from('not msgpack at all') },
      { subject: record(run).outcome(2), body: encode({ kind: 'task' }) },
      outcome(run, 3, { kind: 'circuit', result: inline('not a circuit result') }),
      outcome(run, 4),
    )
    await world.untilSql(`select count(*)::int from steps where run = '${run}' and step = 4`, 1)
    const letters = (await deadOf(STREAM.runs)).filter((letter) => letter.subject.includes(run))
    assert.deepEqual(
      letters.map((letter) => letter.subject).sort(),
      [1, 2, 3].map((step) => record(run).outcome(step)),
    )
    assert.ok(letters.every((letter) => letter.error.code === 'POISON'))
    const first = letters.find((letter) => letter.subject === record(run).outcome(1))
    assert.equal(Buffer.from(first?.body ?? []).toString(), 'not msgpack at all')
  })

  await t.test(
    'a record that Postgres refuses becomes a dead letter and those beside it are stored',
    async () => {
      const run = newRunId()
      const unstorable = outcome(run, 50, { endedAt: 1e300 })
      await world.publish(
        requested(run),
        ...range(1, 49).map((step) => outcome(run, step)),
        unstorable,
        ...range(51, 99).map((step) => outcome(run, step)),
      )
      await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 98)
      await until('the dead letter', async () =>
        (await deadOf(STREAM.runs)).some((letter) => letter.subject === record(run).outcome(50)),
      )
    },
  )

  await t.test('text that Postgres cannot hold is stored with a mark in its place', async () => {
    const run = newRunId()
    const error = { code: 'TASK_FAILED', name: 'Error', message: 'a\0b \\u0000 \u{1f600}' }
    await world.publish(requested(run), outcome(run, 1, { name: 'x\0y', state: 'failed', error }))
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 1)
    const [step] = await world.sql('select name, error from steps where run = $1', [run])
    assert.equal(step?.name, 'x\ufffdy')
    assert.equal((step?.error as { message?: string } | undefined)?.message, 'a\ufffdb \\u0000 \u{1f600}')
  })

  await t.test(
    'a log message that is published twice is stored once, and one that is malformed becomes a dead letter',
    async () => {
      const run = newRunId()
      const { nc } = world.bench.bus
      const line = (text: string) => ({ at: 1_790_000_000_000, level: 'info', stream: 'stdout', text })
      const message = encode({ writer: 'w', seq: 0, lines: [line('one'), line('two\0')] })
      const to = subject.log(run, 1, 1)
      await nc.request(to, message)
      await nc.request(to, message)
      await nc.request(to, encode({ writer: 'w', seq: 'x' }))
      await nc.request(to, encode({ writer: 'w', seq: 1, lines: [line('three')] }))
      await world.untilSql(`select count(*)::int from logs where run = '${run}' and seq = 1`, 1)
      const lines = await world.sql('select seq::int, line, text from logs where run = $1 order by id', [run])
      assert.deepEqual(lines, [
        { seq: 0, line: 0, text: 'one' },
        { seq: 0, line: 1, text: 'two\ufffd' },
        { seq: 1, line: 0, text: 'three' },
      ])
      assert.equal((await deadOf(STREAM.logs)).length, 1)
    },
  )
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
