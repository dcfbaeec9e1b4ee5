import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createInbox } from '@nats-io/transport-node'
import { deadLetters } from '#shared/actor/dead-letters.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { newRunId } from '#shared/contract/ids.ts'
import type { QueryName, Question } from '#shared/contract/query.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { encode, unpack } from '#shared/wire/message.ts'
import { encodeValue } from '#shared/wire/value.ts'
import { COUNTS, completed, failedAttempt, inline, outcome, requested } from './records.ts'
import { openWorld } from './world.ts'

const START = 1_790_000_000_000

test('results answers every query of the contract', async (t) => {
  await using world = await openWorld()
  await world.results()

  await t.test('a run, while it runs and when it has ended', async () => {
    const run = newRunId()
    assert.deepEqual(await world.ask('run', { run }), { run: null })
    await world.publish(requested(run, { project: 'p', tags: ['t'] }), outcome(run, 1))
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 1)
    const running = {
      run,
      flow: 'tutorial',
      name: `tutorial-${run}`,
      project: 'p',
      tags: ['t'],
      requestedAt: START,
      startedAt: START + 5,
    }
    assert.deepEqual(await world.ask('run', { run }), { run: { ...running, state: 'running', steps: 1 } })
    const error = { code: 'FLOW_FAILED', name: 'Error', message: 'no', stack: 'at …' }
    await world.publish(completed(run, { state: 'failed', error, steps: 9 }))
    await world.untilSql(`select state from runs where run = '${run}'`, 'failed')
    assert.deepEqual(await world.ask('run', { run }), {
      run: { ...running, state: 'failed', steps: 9, endedAt: START + 1000, error },
    })
  })

  await t.test('runs by user, tag, schedule and time', async () => {
    const [a, b, c] = [newRunId(), newRunId(), newRunId()]
    await world.publish(
      requested(a, { user: 'ada', tags: ['x', 'y'], requestedAt: START + 10_000 }),
      requested(b, { user: 'ada', schedule: { name: 'nightly', at: START }, requestedAt: START + 20_000 }),
      requested(c, { user: 'bob', tags: ['y'], requestedAt: START + 30_000 }),
    )
    await world.untilSql(`select count(*)::int from runs where run in ('${a}', '${b}', '${c}')`, 3)
    const ids = async (question: Question<'runs'>) =>
      (await world.ask('runs', question)).runs.map(({ run }) => run)
    assert.deepEqual(await ids({ user: 'ada' }), [b, a])
    assert.deepEqual(await ids({ tag: 'y' }), [c, a])
    assert.deepEqual(await ids({ schedule: 'nightly' }), [b])
    assert.deepEqual(await ids({ since: START + 20_000 }), [c, b])
    assert.deepEqual(await ids({ user: 'ada', tag: 'y' }), [a])
  })

  await t.test('in JSON, who asks in JSON: values as plain as they get, a mistake in words', async () => {
    const run = newRunId()
    const ask = async (name: QueryName, body: string): Promise<unknown> =>
      (await world.bench.bus.nc.request(subject.query(name), body, { timeout: 10_000 })).json()
    assert.deepEqual(await ask('outcome', JSON.stringify({ run })), { outcome: null })
    const result = { when: new Date(0), big: 2n ** 70n, bytes: new Uint8Array([1]), map: new Map([['k', 1]]) }
    await world.publish(requested(run), completed(run, { result: inline(result) }))
    const { outcome: told } = (await ask('outcome', JSON.stringify({ run }))) as { outcome: object }
    assert.deepEqual(
      { ...told, startedAt: 0, endedAt: 0 },
      {
        flow: 'tutorial',
        state: 'completed',
        result: { when: '1970-01-01T00:00:00.000Z', big: String(2n ** 70n), bytes: 'AQ==', map: { k: 1 } },
        steps: 1,
        startedAt: 0,
        endedAt: 0,
      },
    )
    await world.untilSql(`select state from runs where run = '${run}'`, 'completed')
    assert.deepEqual(await ask('outcome', JSON.stringify({ run })), { outcome: told })
    assert.ok(Array.isArray(((await ask('runs', '')) as { runs: unknown }).runs))
    for (const wrong of ['{"run":', '{"run": 7}'])
      assert.equal(
        ((await ask('outcome', wrong)) as { error: { code: string } }).error.code,
        'INVALID_REQUEST',
      )
  })

  await t.test('how a request ended that never became a run', async () => {
    const run = newRunId()
    const { nc } = world.bench.bus
    const bury = deadLetters(nc, 'test', world.bench.log)
    const delivery = { subject: subject.flow(run), sequence: 1, data: encode(7), ack() {} } as Delivery
    await bury(STREAM.flows, delivery, new QubusError('INVALID_REQUEST', 'no request at all'))
    const { outcome } = await world.ask('outcome', { run })
    assert.deepEqual([outcome?.state, outcome?.error?.code], ['failed', 'INVALID_REQUEST'])
    // With a run of that id, the letter is about another request.
    await world.publish(requested(run))
    assert.deepEqual(await world.ask('outcome', { run }), { outcome: null })
  })

  await t.test('runs, newest first, by state, flow and project, page by page', async () => {
    const ids = Array.from({ length: 5 }, (_, i) => `listed-${i}`)
    await world.publish(
      ...ids.map((run, i) =>
        requested(run, { flow: 'listed', project: i < 3 ? 'x' : 'y', requestedAt: START + i }),
      ),
    )
    await world.publish(completed('listed-1'))
    await world.untilSql(`select count(*)::int from runs where flow = 'listed'`, 5)
    await world.untilSql(`select state from runs where run = 'listed-1'`, 'completed')
    const names = async (question: object) =>
      (await world.ask('runs', { flow: 'listed', ...question })).runs.map((run) => run.run)
    assert.deepEqual(await names({}), ids.toReversed())
    assert.deepEqual(await names({ project: 'x' }), ['listed-2', 'listed-1', 'listed-0'])
    assert.deepEqual(await names({ state: 'completed' }), ['listed-1'])
    assert.deepEqual(await names({ limit: 2, after: 'listed-3' }), ['listed-2', 'listed-1'])
  })

  await t.test('steps by number, page by page', async () => {
    const run = newRunId()
    await world.publish(
      requested(run),
      ...[1, 2, 3].map((step) => outcome(run, step, { label: `square ${step}` })),
    )
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 3)
    const first = await world.ask('steps', { run, limit: 2 })
    assert.deepEqual(
      first.steps.map((step) => step.step),
      [1, 2],
    )
    assert.equal(first.more, true)
    assert.deepEqual(first.steps[0], {
      step: 1,
      name: 'square 1',
      kind: 'task',
      state: 'completed',
      pool: 'cpu',
      attempts: 1,
      node: 'node-1',
      queuedAt: START + 10,
      startedAt: START + 20,
      endedAt: START + 31,
      seconds: 0.011,
    })
    assert.deepEqual(
      (await world.ask('steps', { run, limit: 2, after: 2 })).steps.map((step) => step.step),
      [3],
    )
  })

  await t.test('failed and lost attempts', async () => {
    const run = newRunId()
    const lost = { subject: record(run).lost(2, 1, 1), body: encode({ writer: 'w', at: START }) }
    await world.publish(
      requested(run),
      failedAttempt(run, 1, 1),
      failedAttempt(run, 1, 2, { uncharged: true }),
      lost,
    )
    await world.untilSql(`select count(*)::int from attempts where run = '${run}'`, 3)
    const { attempts } = await world.ask('attempts', { run })
    assert.deepEqual(
      attempts.map((each) => [each.step, each.attempt, each.error.code, each.uncharged]),
      [
        [1, 1, 'TASK_FAILED', false],
        [1, 2, 'TASK_FAILED', true],
        [2, 1, 'LOST', true],
      ],
    )
  })

  await t.test('log lines in order, from the last one seen on', async () => {
    const run = newRunId()
    const lines = [1, 2, 3].map((n) => ({
      at: START + n,
      level: 'info',
      stream: 'log',
      text: `line ${n}`,
      fields: { n },
    }))
    await world.bench.bus.nc.request(subject.log(run, 0, 1), encode({ writer: 'w', seq: 0, lines }))
    await world.untilSql(`select count(*)::int from logs where run = '${run}'`, 3)
    const first = await world.ask('logs', { run, limit: 2 })
    assert.deepEqual(
      first.lines.map(({ text, fields, at }) => [text, fields, at]),
      [
        ['line 1', { n: 1 }, START + 1],
        ['line 2', { n: 2 }, START + 2],
      ],
    )
    const rest = await world.ask('logs', { run, after: first.lines[1]?.id ?? 0 })
    assert.deepEqual(
      rest.lines.map((line) => line.text),
      ['line 3'],
    )
  })

  await t.test('artifacts with their values, and one that is too large as its payload', async () => {
    const run = newRunId()
    const large = encodeValue('x'.repeat(1_000_000), '')
    const blob = await world.bench.blobs.put(large)
    const small = await world.bench.blobs.put(encodeValue('y'.repeat(300_000), ''))
    await world.publish(
      requested(run),
      outcome(run, 1, {
        kind: 'artifact',
        artifacts: [
          { key: 'table', type: 'table', payload: inline([{ a: 1 }]), at: START },
          { key: 'large', type: 'markdown', payload: { blob, size: large.length }, at: START },
          { key: 'small', type: 'markdown', payload: { blob: small, size: 300_003 }, at: START },
        ],
      }),
    )
    await world.untilSql(`select count(*)::int from artifacts where run = '${run}'`, 3)
    const { artifacts } = await world.ask('artifacts', { run })
    assert.deepEqual(artifacts[0], { step: 1, key: 'table', type: 'table', at: START, value: [{ a: 1 }] })
    assert.deepEqual(artifacts[1]?.payload, { blob, size: large.length })
    assert.equal(String(artifacts[2]?.value).length, 300_000)
    assert.deepEqual(
      (await world.ask('artifacts', { run, after: 2 })).artifacts.map((each) => each.key),
      ['small'],
    )
  })

  await t.test("circuits with their counts in Qiskit's bit order", async () => {
    const run = newRunId()
    await world.publish(
      requested(run),
      outcome(run, 1, { kind: 'circuit', name: 'bell', result: inline(COUNTS) }),
    )
    await world.untilSql(`select count(*)::int from circuits where run = '${run}'`, 1)
    const { circuits } = await world.ask('circuits', { run })
    assert.deepEqual(circuits, [
      {
        step: 1,
        name: 'bell',
        device: 'vqpu-1',
        method: 'statevector',
        shots: 1000,
        seed: 7,
        seconds: 0.01,
        counts: { '0 00': 480, '1 11': 520 },
      },
    ])
  })

  await t.test('an answer larger than a message comes in pages, and nothing is missing', async () => {
    const run = newRunId()
    const error = { code: 'TASK_FAILED', name: 'Error', message: 'm'.repeat(15_000) }
    const steps = Array.from({ length: 200 }, (_, i) => i + 1)
    await world.publish(
      requested(run),
      ...steps.map((step) => outcome(run, step, { state: 'failed', error })),
    )
    await world.publish(
      ...steps.flatMap((step) => [1, 2].map((attempt) => failedAttempt(run, step, attempt, { error }))),
    )
    await world.untilSql(`select count(*)::int from attempts where run = '${run}'`, 400)
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 200)
    const seen: number[] = []
    for (let more = true, pages = 0; more; pages++) {
      const page = await world.ask('steps', { run, after: seen.at(-1) ?? 0 })
      seen.push(...page.steps.map((step) => step.step))
      more = page.more
      assert.ok(more || pages > 1, 'one page cannot hold three megabytes')
    }
    assert.deepEqual(seen, steps)
    const attempts: { step: number; attempt: number }[] = []
    for (;;) {
      const page = await world.ask('attempts', { run, after: attempts.at(-1)?.step ?? 0 })
      if (page.attempts.length === 0) break
      attempts.push(...page.attempts)
    }
    assert.deepEqual(
      attempts.map(({ step, attempt }) => [step, attempt]),
      steps.flatMap((step) => [
        [step, 1],
        [step, 2],
      ]),
    )
  })

  await t.test('how far storage is: nothing is missing once all is stored', async () => {
    const { rows, broker } = await storageFacts()
    assert.equal(rows.lag, 0)
    assert.equal(rows.steps, broker)
    assert.match(rows.postgres, /^18/)
  })

  async function storageFacts() {
    const rows = await world.ask('storage', {})
    const [row] = await world.sql('select count(*)::int as steps from steps')
    return { rows, broker: Number(row?.steps) }
  }

  await t.test(
    'a malformed question is answered with its error, and one that is not its own is left to others',
    async () => {
      await assert.rejects(world.ask('steps', { run: 7 } as never), { code: 'INVALID_REQUEST' })
      const heard: unknown[] = []
      const inbox = createInbox('_INBOX_admin')
      world.bench.bus.nc.subscribe(inbox, { callback: (_, message) => void heard.push(message.data) })
      world.bench.bus.nc.publish(subject.query('nonsense'), encode({}), { reply: inbox })
      // Asked in the same order over the same connection: this answer would come after one to the question before.
      await world.ask('storage', {})
      assert.deepEqual(heard, [])
      const garbage = await world.bench.bus.nc.request(subject.query('run'), 'not msgpack', {
        timeout: 5_000,
      })
      assert.equal((unpack(garbage.data) as { error: { code: string } }).error.code, 'INVALID_REQUEST')
    },
  )

  await t.test(
    'while Postgres is away the answer is UNREACHABLE, and afterwards the lag is told',
    async () => {
      await world.postgres.kill()
      await assert.rejects(world.ask('run', { run: 'x' }), { code: 'UNREACHABLE' })
      await world.postgres.restart()
      assert.deepEqual(await world.ask('run', { run: 'x' }), { run: null })
    },
  )
})

test('the lag counts the records that are not in Postgres yet', async () => {
  await using world = await openWorld()
  const results = await world.results()
  const run = newRunId()
  await world.publish(requested(run), outcome(run, 1))
  await world.untilSql('select count(*)::int from steps', 1)
  await results.stop()
  await world.publish(...[2, 3, 4].map((step) => outcome(run, step)))
  // Nobody stores here: it only answers.
  const { answerQueries } = await import('../../services/results/answer-queries.ts')
  const { openPool } = await import('../../services/results/database.ts')
  const pool = openPool(world.postgres.url, world.bench.log)
  using _answers = answerQueries(world.bench, pool)
  await world.bench.bus.nc.flush()
  const answer = await world.ask('storage', {})
  assert.deepEqual([answer.lag, answer.runs, answer.steps], [3, 1, 1], `of ${STREAM.runs}`)
  await pool.end()
})
