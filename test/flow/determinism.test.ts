import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile()
const flows = await actors.flows('world.ts')

type Draw = Record<string, unknown> & { now: number; values: Uint8Array }

describe('flow code', () => {
  it('is refused everything outside, with the name of what to use', async () => {
    const { result, error } = await flows.run('forbidden')
    assert.equal(error, undefined)
    const errors = result as Record<string, string>
    assert.ok(Object.keys(errors).length >= 25)
    for (const [name, message] of Object.entries(errors)) {
      assert.match(message, /^FORBIDDEN_IN_FLOW: .*: use (a task|sideEffect|sleep|program|random)/, name)
    }
    assert.match(errors.setTimeout ?? '', /use sleep/)
    assert.match(errors.spawnSync ?? '', /use program/)
    assert.match(errors.randomInt ?? '', /random\(\)/)
  })

  it('may use the outside world in a side effect', async () => {
    assert.deepEqual((await flows.run('allowed-in-effect')).result, [true, true])
  })

  it('has the same time and chance on a replay, and says its log lines once', async () => {
    const run = await flows.request('chances', { seconds: 4 })
    await until('the flow to sleep', async () => (await actors.history(run)).counts.timer)
    const [first] = actors.coordinators
    assert.ok(first)
    await actors.kill(first)
    actors.coordinators = [await actors.start('coordinator')]
    const { state, result, error } = await actors.client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const draws = result as Draw[]
    const recorded = (await actors.history(run)).outcomes.filter((each) => each.name === 'id')
    assert.equal(recorded.length, 3)
    assert.deepEqual(await actors.logs(run, 0), ['before', 'between', 'after'])
    assert.deepEqual(await actors.logs(run, 2), ['in the effect'])
    for (const draw of draws) {
      assert.equal(draw.date, draw.now)
      assert.equal(draw.performance, draw.now)
      assert.equal(draw.hrtime, draw.now)
      assert.equal(draw.written, new Date(draw.now).toISOString())
      assert.equal(draw.called, new Date(draw.now).toString())
      const format = { timeZone: 'UTC', dateStyle: 'full', timeStyle: 'long' } as const
      const english = new Intl.DateTimeFormat('en', format)
      assert.equal(draw['formatted'], english.format(draw.now))
      assert.deepEqual(
        draw['inParts'],
        english.formatToParts(draw.now).map(({ value }) => value),
      )
      assert.ok(draw.values.some((each) => each !== 0))
      for (const key of ['uuid', 'crypto', 'global'])
        assert.match(String(draw[key]), /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab]/)
    }
    assert.equal(
      new Set(draws.flatMap(({ random, math, uuid, crypto, global }) => [random, math, uuid, crypto, global]))
        .size,
      15,
    )
    assert.ok((draws[2]?.now ?? 0) >= (draws[1]?.now ?? 0) + 4000)
  })
})

describe('code that changes between a run and its replay', { concurrency: true }, () => {
  it('ends the run as NON_DETERMINISTIC, naming both steps', async () => {
    const [outcome, command] = await Promise.all([
      flows.request('changes'),
      flows.request('changes-before-outcome'),
    ])
    await until('the first flow to sleep', async () => (await actors.history(outcome)).counts.timer)
    await until('the command of the second to be stored', async () => {
      const { direct } = await jetstreamManager(actors.bus.nc)
      return direct.getMessage(STREAM.tasks, {
        last_by_subj: subject.task('nobody', { run: command, step: 1, attempt: 1 }),
      })
    })
    const [first] = actors.coordinators
    assert.ok(first)
    await actors.kill(first)
    actors.coordinators = [await actors.start('coordinator')]
    for (const [run, asked] of [
      [outcome, /"true" \(\S+\), the flow asked for program "true" \(\S+\)/],
      [command, /task "id" \(\S+\) was commanded before, the flow now asks for task "id" \(\S+\)/],
    ] as const) {
      const { state, error } = await actors.client.outcome(run)
      assert.deepEqual([state, error?.code], ['failed', 'NON_DETERMINISTIC'])
      assert.match(error?.message ?? '', asked)
      const digests = error?.message.match(/\(([\w-]{22})\)/g) ?? []
      assert.equal(new Set(digests).size, 2)
    }
  })
})
