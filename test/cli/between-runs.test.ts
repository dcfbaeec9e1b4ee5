/** limit, signal, schedule, retry and the options of run, against real actors. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readLast } from '#shared/bus/direct.ts'
import { RequestedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'
import { codeOf, qubus, type Said } from './qubus.ts'

const actors = await actorsForThisFile()
const FLOWS = fileURLToPath(new URL('../fixtures/flows/surface.ts', import.meta.url))
const ask = (...args: string[]): Promise<Said> => qubus([...args, '--json'], { home: actors.broker.home })

async function says(args: string[], exitCode: number, ...lines: object[]): Promise<void> {
  const said = await ask(...args)
  assert.deepEqual(
    [said.exitCode, said.lines.map(({ at: _, ...rest }) => rest)],
    [exitCode, lines],
    `${args.join(' ')}: ${said.stderr}`,
  )
}

describe('the command line', { concurrency: 2 }, () => {
  test('limit sets, changes, lists and removes limits', async () => {
    await says(['limit', 'set', 'gpus-of-lab', '2'], 0, { limit: 'gpus-of-lab', places: 2 })
    await says(['limit', 'set', 'gpus-of-lab', '5'], 0, { limit: 'gpus-of-lab', places: 5, was: 2 })
    const { lines } = await ask('limit', 'list')
    assert.deepEqual(
      lines.filter(({ limit }) => limit === 'gpus-of-lab'),
      [{ limit: 'gpus-of-lab', places: 5, taken: 0, waiting: 0 }],
    )
    await says(['limit', 'remove', 'gpus-of-lab'], 0, { limit: 'gpus-of-lab', removed: true, places: 5 })
    const gone = await ask('limit', 'remove', 'gpus-of-lab')
    assert.deepEqual([gone.exitCode, codeOf(gone.lines[0])], [2, 'UNKNOWN_LIMIT'])
    assert.match(gone.stderr, /run qubus limit set gpus-of-lab N/)
    for (const places of ['0', '1001', 'many'])
      assert.equal((await ask('limit', 'set', 'gpus-of-lab', places)).exitCode, 2)
  })

  test('a step whose limit is not set fails as UNKNOWN_LIMIT, naming the command that sets it', async () => {
    const { exitCode, lines } = await ask('run', `${FLOWS}#wantsLimit`)
    assert.equal(exitCode, 1)
    const { error } = lines.at(-1) as { error: { code: string; message: string } }
    assert.equal(error.code, 'UNKNOWN_LIMIT')
    assert.match(error.message, /qubus limit set no-such-limit N/)
  })

  test('signal sets, reads, clears and lists, with metadata and scope', async () => {
    const shared = { signal: 'ready', scope: 'shared' }
    await says(['signal', 'get', 'ready'], 1, { ...shared, set: false, count: 0 })
    const by = (await ask('signal', 'set', 'ready', '{"n": [1, 2]}')).lines[0]?.['by']
    await says(['signal', 'get', 'ready'], 0, { ...shared, set: true, value: { n: [1, 2] }, count: 1, by })
    await says(['signal', 'set', 'ready', '7', '--scope', 'run-1'], 0, {
      signal: 'ready',
      scope: 'run-1',
      set: true,
      value: 7,
      count: 1,
      by,
    })
    await says(['signal', 'clear', 'ready'], 0, { ...shared, set: false, value: { n: [1, 2] }, count: 1, by })
    const { lines } = await ask('signal', 'list')
    assert.deepEqual(
      lines.filter(({ signal }) => signal === 'ready').map(({ scope, set }) => [scope, set]),
      [
        ['run-1', true],
        ['shared', false],
      ],
    )
    assert.deepEqual((await ask('signal', 'list', '--scope', 'run-1')).lines.length, 1)
    const bad = await ask('signal', 'set', 'ready', '{n')
    assert.deepEqual([bad.exitCode, codeOf(bad.lines[0])], [2, 'INVALID_OPTION'])
  })

  test('signal set wakes a flow that waits, with its metadata', async () => {
    const { lines } = await ask('run', `${FLOWS}#waits`, '-p', 'name=go', '--detach')
    const run = String(lines[0]?.['run'])
    await until('it waits', async () => (await actors.history(run)).counts.wait === 1)
    await ask('signal', 'set', 'go', '"from the shell"')
    assert.equal((await ask('result', run)).lines[0]?.['result'], 'from the shell')
  })

  test('run puts time-out, tags, project, priority, user and id into the request; the same id is the same run', async () => {
    const more = [
      '--timeout',
      '2m',
      '--tag',
      'a',
      '--tag',
      'b',
      '--project',
      'p',
      '--priority',
      '7',
      '--user',
      'ada',
    ]
    const args = ['run', `${FLOWS}#sets`, '-p', 'name=once', '--id', 'the-one', ...more]
    for (let i = 0; i < 2; i++) assert.equal((await ask(...args)).lines.at(-1)?.['state'], 'completed')
    const { lines } = await ask('signal', 'get', 'once')
    assert.equal(lines[0]?.['count'], 1, 'it ran twice')
    const stored = await readLast(actors.bus.nc, STREAM.runs, record('the-one').requested)
    const { timeoutSeconds, tags, project, priority, user } = decode(
      RequestedRecord,
      stored?.data ?? new Uint8Array(),
    )
    assert.deepEqual([timeoutSeconds, tags, project, priority, user], [120, ['a', 'b'], 'p', 7, 'ada'])
    const other = await ask('run', `${FLOWS}#sets`, '-p', 'name=other', '--id', 'the-one')
    assert.deepEqual([other.exitCode, codeOf(other.lines.at(-1))], [2, 'REQUEST_CONFLICT'])
  })

  test('retry goes on from where a run failed, and refuses what it can not go on from', async () => {
    await using folder = await tempHome()
    const failed = await ask('run', `${FLOWS}#stumbles`, '-p', `folder=${folder.path}`, '--id', 'stumbled')
    assert.equal(failed.exitCode, 1)
    writeFileSync(join(folder.path, 'wanted'), '')
    const again = await ask('retry', 'stumbled')
    assert.equal(again.exitCode, 0, again.stderr)
    const [first, last] = [again.lines[0], again.lines.at(-1)]
    assert.deepEqual([first?.['resumes'], last?.['state']], ['stumbled', 'completed'])
    assert.deepEqual((last?.['result'] as { found: string } | undefined)?.found, 'there')
    for (const [run, code, why] of [
      [String(last?.['run']), 'NOT_RESUMABLE', /it has completed/],
      ['never-heard-of', 'UNKNOWN_RUN', /qubus runs lists/],
    ] as const) {
      const refused = await ask('retry', run)
      assert.deepEqual([refused.exitCode, codeOf(refused.lines.at(-1))], [2, code])
      assert.match(refused.stderr, why)
    }
  })

  test('schedule sets, lists and removes; a run a tick, and none after it is gone', async () => {
    const set = await ask('schedule', 'set', 'often', '@every 1s', `${FLOWS}#sets`, '-p', 'name=ticked')
    assert.equal(set.exitCode, 0, set.stderr)
    await until('two ticks', async () => (await actors.client.signals.get('ticked'))?.count === 2, 100)
    const [shown] = (await ask('schedule', 'list')).lines
    assert.deepEqual([shown?.['schedule'], shown?.['when'], shown?.['flow']], ['often', '@every 1s', 'sets'])
    assert.ok(Date.parse(String(shown?.['next'])) > Date.parse(String(shown?.['last'])))
    const paused = await ask('schedule', 'pause', 'often')
    assert.deepEqual(
      [paused.exitCode, paused.lines[0]?.['paused'], paused.lines[0]?.['next']],
      [0, true, undefined],
    )
    const ticked = async () => (await actors.client.signals.get('ticked'))?.count ?? 0
    // What was due before is run; what would be due after never comes.
    const ticks = (await actors.client.schedules.list()).find(({ schedule }) => schedule === 'often')?.last
    await ask('schedule', 'set', 'witness', '@every 1s', `${FLOWS}#sets`, '-p', 'name=witnessed')
    await until(
      'the other one ticks',
      async () => (await actors.client.signals.get('witnessed'))?.count === 2,
      100,
    )
    assert.equal((await ask('schedule', 'remove', 'witness')).exitCode, 0)
    const [still] = (await ask('schedule', 'list')).lines
    assert.deepEqual([still?.['paused'], Date.parse(String(still?.['last']))], [true, ticks])
    const before = await ticked()
    assert.equal((await ask('schedule', 'resume', 'often')).exitCode, 0)
    await until('it ticks again', async () => (await ticked()) >= before + 2, 100)
    assert.equal((await ask('schedule', 'list')).lines[0]?.['paused'], undefined)
    for (const verb of ['pause', 'resume'])
      assert.equal((await ask('schedule', verb, 'never-heard-of')).exitCode, 1)
    assert.equal((await ask('schedule', 'remove', 'often')).exitCode, 0)
    assert.deepEqual((await ask('schedule', 'list')).lines, [])
    assert.equal((await ask('schedule', 'remove', 'often')).exitCode, 1)
    const daily = await ask(
      'schedule',
      'set',
      'daily',
      '30 8 * * 1-5',
      'circuit',
      '--time-zone',
      'Europe/Berlin',
    )
    assert.deepEqual(
      [daily.lines[0]?.['when'], daily.lines[0]?.['timeZone']],
      ['0 30 8 * * 1-5', 'Europe/Berlin'],
    )
    for (const [when, zone, why] of [
      ['99 * * * *', 'UTC', /is no time that repeats/],
      ['@daily', 'Middle/Earth', /the time zone "Middle\/Earth"/],
    ] as const) {
      const bad = await ask('schedule', 'set', 'daily', when, 'circuit', '--time-zone', zone)
      assert.deepEqual([bad.exitCode, codeOf(bad.lines.at(-1))], [2, 'INVALID_OPTION'])
      assert.match(bad.stderr, why)
    }
    assert.equal((await ask('schedule', 'list')).lines[0]?.['when'], '0 30 8 * * 1-5')
  })
})
