/** Rule 6 of the design: the un-acked flow request is the lease, and whoever missed it says nothing more. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openBlobs } from '#shared/bus/blobs.ts'
import { readLast } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import type { CompletedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile()
const { nc } = actors.bus
const flows = await actors.flows('rules.ts')
await openBlobs(nc).put(flows.bundle.bytes)
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())

type Answer = { verb: string; deliveries: number; sequence: number; completed: Promise<boolean> }

/** Every answer to a delivery of a flow request, whoever gives it, and whether the run had completed by then. */
const answers: Answer[] = []
nc.subscribe(`$JS.ACK.${STREAM.flows}.>`, {
  callback(error, message) {
    if (error) return
    const [, , , , deliveries, sequence] = message.subject.split('.').map(Number)
    const run = runs.get(sequence ?? 0)
    answers.push({
      verb: message.string().split(' ')[0] ?? '',
      deliveries: deliveries ?? 0,
      sequence: sequence ?? 0,
      completed:
        run === undefined
          ? Promise.resolve(false)
          : readLast(nc, STREAM.runs, record(run).completed).then((found) => found !== undefined),
    })
  },
})
await nc.flush()
/** Runs by the place of their request in its stream. */
const runs = new Map<number, string>()

const requestOf = (run: string) => readLast(nc, STREAM.flows, subject.flow(run))

async function begin(
  seconds: number,
  name: string,
): Promise<{ run: string; sequence: number; lines(): string[] }> {
  const file = join(folder.path, name)
  const run = await flows.request('lines', { file, seconds })
  const sequence = (await until('the request to be there', () => requestOf(run))).sequence
  runs.set(sequence, run)
  await until('the sleep to begin', async () => (await actors.history(run)).counts.timer)
  return { run, sequence, lines: () => readFileSync(file, 'utf8').trim().split('\n') }
}

const ofRun = (sequence: number): Answer[] => answers.filter((each) => each.sequence === sequence)

describe('rule 6: the lease', () => {
  it('is renewed while the run goes on, and acked after `completed` is on disk; nothing is ever said but these', async () => {
    const { run, sequence } = await begin(4, 'held')
    await until('it to be renewed', () => ofRun(sequence).some(({ verb }) => verb === '+WPI'))
    assert.ok(await requestOf(run), 'the request stays while the run goes on')
    assert.equal((await actors.client.outcome(run)).result, 'done')
    const ack = await until('the ack', () => ofRun(sequence).find(({ verb }) => verb === '+ACK'))
    assert.equal(await ack.completed, true)
    assert.equal(await requestOf(run), undefined)
    assert.deepEqual([...new Set(answers.map(({ verb }) => verb))].sort(), ['+ACK', '+WPI'])
  })

  it('is acked by a holder that finds that somebody else wrote `completed`, and that end stays', async () => {
    const { run, lines } = await begin(600, 'elsewhere')
    const end: CompletedRecord = {
      state: 'failed',
      error: { code: 'FLOW_FAILED', name: 'Error', message: 'said by another' },
      steps: 2,
      startedAt: 1,
      endedAt: 2,
      writer: 'another',
    }
    const records = new Publisher(nc, { stream: STREAM.runs })
    await records.create({ subject: record(run).completed, body: encode(end) })
    await until('the request to be acked', async () => (await requestOf(run)) === undefined)
    assert.equal((await actors.client.outcome(run)).error?.message, 'said by another')
    assert.equal(lines().length, 1)
    assert.equal((await actors.history(run)).counts.completed, 1)
  })

  it('that was missed is another one’s: the stale holder says nothing of it, writes nothing, and commands nothing', async () => {
    const { run, sequence, lines } = await begin(16, 'stale')
    const [frozen] = actors.coordinators
    assert.ok(frozen)
    const before = (await actors.client.inspect(run))?.coordinator
    await actors.kill(frozen, 'SIGSTOP')
    await actors.start('coordinator')
    const after = await until('another one to hold it', async () => {
      const now = (await actors.client.inspect(run))?.coordinator
      return now !== before && now
    })
    const said = ofRun(sequence).length
    await actors.kill(frozen, 'SIGCONT')
    await until('the stale holder to see it', () => frozen.log().includes('the lease was missed'))
    assert.equal((await actors.client.outcome(run)).result, 'done')
    const stale = ofRun(sequence)
      .slice(said)
      .filter(({ deliveries }) => deliveries === 1)
    assert.deepEqual(stale, [], 'an answer to the first delivery would act on the second')
    const { stored, counts } = await actors.history(run)
    assert.deepEqual(counts, { requested: 1, outcome: 3, timer: 1, completed: 1 })
    assert.equal(lines().length, 2)
    assert.notEqual(after, before)
    assert.equal(stored.length, 6)
    const ack = await until('the ack of the new holder', () =>
      ofRun(sequence).find(({ verb, deliveries }) => verb === '+ACK' && deliveries > 1),
    )
    assert.equal(await ack.completed, true)
  })
})
