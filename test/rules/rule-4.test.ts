/** Rule 4 of the design: a worker asks the log before it executes, and what comes late or again changes nothing. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { openBlobs } from '#shared/bus/blobs.ts'
import { backlogOf, ensureConsumer } from '#shared/bus/consumers.ts'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { verdictOf } from '#shared/bus/verdict.ts'
import type { TaskCommand } from '#shared/contract/command.ts'
import { StepOutcome } from '#shared/contract/step-record.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

// No coordinator: the test writes what one would, so that each case is exactly what it says.
const actors = await actorsForThisFile({ coordinators: 0, workers: 0, pools: ['generic', 'frozen', 'quick'] })
const { nc } = actors.bus
const flows = await actors.flows('rules.ts')
await openBlobs(nc).put(flows.bundle.bytes)
const records = new Publisher(nc, { stream: STREAM.runs })
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
const worker = (pool: string, slots = 1) => actors.start('worker', '--pools', pool, '--slots', String(slots))

const fileOf = (run: string): string => join(folder.path, run)
/** Process ids of those who executed the step of a run, in order. */
const executions = (run: string): string[] =>
  existsSync(fileOf(run)) ? readFileSync(fileOf(run), 'utf8').trim().split('\n') : []

async function put(run: string, ...subjects: string[]): Promise<void> {
  for (const each of [record(run).requested, ...subjects])
    await records.create({ subject: each, body: encode({}) })
}

const subjectsOf = async (run: string): Promise<string[]> =>
  (await readLastOf(nc, STREAM.runs, [record(run).all])).map((each) => each.subject)

/** Publishes the command of step 1; returns what the broker says. */
async function command(run: string, ms: number, pool = 'generic'): Promise<string> {
  const body: TaskCommand = {
    kind: 'task',
    name: 'leaves-a-line',
    digest: 'd',
    bundle: flows.bundle.hash,
    payload: { inline: encodeValue([fileOf(run), ms], 'arguments') },
    queuedAt: Date.now(),
  }
  return verdictOf(await nc.request(subject.task(pool, { run, step: 1, attempt: 1 }), encode(body)))
}

const answered = (pool = 'generic') =>
  until(`every command of ${pool} to be acked`, async () => {
    const backlog = await backlogOf(nc, STREAM.tasks, CONSUMER.tasks(pool))
    return backlog?.waiting === 0 && backlog.running === 0
  })

async function outcomeOf(run: string): Promise<StepOutcome> {
  const stored = await until(`the outcome of ${run}`, () => readLast(nc, STREAM.runs, record(run).outcome(1)))
  return decode(StepOutcome, stored.data)
}

function resultOf({ result }: StepOutcome): unknown {
  assert.ok(result && 'inline' in result)
  return decodeValue(result.inline)
}

describe('rule 4: a command is acked without being executed', () => {
  for (const [why, more] of [
    ['when its step has an outcome', (run: string) => [record(run).outcome(1)]],
    ['when this attempt of it has failed already', (run: string) => [record(run).attempt(1, 1)]],
    ['when its run has completed', (run: string) => [record(run).completed]],
    ['when its run was cancelled', (run: string) => [record(run).cancel]],
  ] as const)
    it(why, async () => {
      const run = why.replaceAll(/\W/g, '-')
      await put(run, ...more(run))
      await command(run, 0)
      const started = await worker('generic')
      await answered()
      await actors.kill(started)
      assert.deepEqual(executions(run), [])
      assert.deepEqual(await subjectsOf(run), [record(run).requested, ...more(run)], 'nothing was recorded')
    })

  it('when its run is gone with its log: a command that is published again after the purge finds nobody', async () => {
    await put('purged')
    const first = await worker('generic')
    await command('purged', 0)
    await outcomeOf('purged')
    await answered()
    await actors.kill(first)
    assert.equal(await command('purged', 0), 'exists', 'as long as the first one is there')
    for (const [stream, of] of [
      [STREAM.tasks, filter.runTasks('purged')],
      [STREAM.runs, record('purged').all],
    ])
      await nc.request(`$JS.API.STREAM.PURGE.${stream}`, JSON.stringify({ filter: of }))
    assert.equal(await command('purged', 0), 'stored')
    const second = await worker('generic')
    await answered()
    await actors.kill(second)
    assert.deepEqual(executions('purged'), [String(first.pid)])
    assert.deepEqual(await subjectsOf('purged'), [])
  })
})

describe('rule 4: a command that is delivered again to its holder', () => {
  it('is executed once, and is no loss', async () => {
    const manager = await jetstreamManager(nc, { checkAPI: false })
    await ensureConsumer(nc, STREAM.tasks, CONSUMER.tasks('quick'), filter.poolTasks('quick'))
    // The worker says that it is at work every 3 s: until then the broker gives it out again.
    await manager.consumers.update(STREAM.tasks, CONSUMER.tasks('quick'), { ack_wait: nanos(1_000) })
    // With a second slot it goes on asking for work, and so it is given this again.
    const started = await worker('quick', 2)
    await put('again')
    await command('again', 2_500, 'quick')
    await outcomeOf('again')
    await answered('quick')
    const { delivered } = await manager.consumers.info(STREAM.tasks, CONSUMER.tasks('quick'))
    assert.ok(delivered.consumer_seq > 1, 'it was delivered again')
    assert.equal(executions('again').length, 1)
    assert.deepEqual(await subjectsOf('again'), [record('again').requested, record('again').outcome(1)])
    await actors.kill(started)
  })
})

describe('rule 4: an outcome that comes late', () => {
  it('is refused: the first one stays, and whoever came late goes on', async () => {
    const frozen = await worker('frozen')
    await put('late')
    await command('late', 4_000, 'frozen')
    await until('it to be executed', () => executions('late').length === 1)
    await actors.kill(frozen, 'SIGSTOP')
    const other = await worker('frozen')
    const first = await outcomeOf('late')
    assert.equal(resultOf(first), other.pid)
    await actors.kill(frozen, 'SIGCONT')
    // It has one slot: that it executes the next command says that it is done with the first.
    await actors.kill(other)
    await put('next')
    await command('next', 0, 'frozen')
    const next = await outcomeOf('next')
    assert.equal(executions('next')[0], String(frozen.pid))
    assert.notEqual(next.writer, first.writer)
    assert.equal(resultOf(await outcomeOf('late')), other.pid)
    const log = record('late')
    assert.deepEqual(await subjectsOf('late'), [log.requested, log.lost(1, 1, 1), log.outcome(1)])
    assert.deepEqual(executions('late'), [String(frozen.pid), String(other.pid)])
    await answered('frozen')
    await actors.kill(frozen)
  })
})
