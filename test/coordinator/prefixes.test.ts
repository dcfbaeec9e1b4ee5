import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { writeBundle } from '#shared/bundle/bundle-cache.ts'
import { RequestedRecord } from '#shared/contract/run-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { itemOrder } from '../../services/coordinator/item-order.ts'
import { fromStored } from '../../services/coordinator/log-record.ts'
import { packItems, unpackSteps } from '../../services/coordinator/thread/compact.ts'
import { FlowThreads } from '../../services/coordinator/thread/flow-threads.ts'
import type { FlowEnd, FromThread, LogItem } from '../../services/coordinator/thread/protocol.ts'
import { stepDigest } from '../../services/coordinator/thread/step-digest.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile()
const flows = await actors.flows('mixed.ts')

type Replay = { calls: string[]; logged: string[]; end: FlowEnd | undefined }

it('a replay of every prefix of recorded logs asks for the same, says the same, and ends the same', async () => {
  const runs = await Promise.all([3, 8, 17].map((n) => flows.request('mixed', { n })))
  const file = await writeBundle(
    join(actors.broker.home, 'mixed.mjs'),
    flows.bundle.bytes,
    flows.bundle.sourceRoot,
  )
  await using player = openPlayer(file)
  let prefixes = 0
  for (const [i, run] of runs.entries()) {
    const { state, result, error } = await actors.client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const { stored } = await actors.history(run)
    const [first] = stored.filter(({ subject }) => subject === record(run).requested)
    const { acceptedAt } = decode(RequestedRecord, first?.data ?? new Uint8Array())
    const items = await itemsOf(stored.map((each) => fromStored(each)))
    assert.ok(items.length > 20)
    const params = encodeValue({ n: [3, 8, 17][i] }, 'test')
    const play = (some: LogItem[]) => player.play({ run, params, at: acceptedAt, items: some })
    const whole = await play(items)
    assert.deepEqual(whole.end?.state, 'completed')
    assert.deepEqual(decodeValue(whole.end?.result ?? new Uint8Array()), result)
    for (let length = 0; length < items.length; length++) {
      const part = await play(items.slice(0, length))
      prefixes++
      assert.equal(part.end, undefined, `${length} of ${items.length}`)
      assert.deepEqual(part.calls, whole.calls.slice(0, part.calls.length), `${length} of ${items.length}`)
      assert.deepEqual(part.logged, whole.logged.slice(0, part.logged.length))
    }
  }
  assert.ok(prefixes > 100, `${prefixes} prefixes`)
})

async function itemsOf(entries: ReturnType<typeof fromStored>[]): Promise<LogItem[]> {
  const items: LogItem[] = []
  const blobs = { fromPayload: (payload: object) => (payload as { inline: Uint8Array }).inline }
  const order = itemOrder(
    blobs as never,
    (more) => items.push(...more),
    (error) => assert.fail(String(error)),
  )
  for (const entry of entries) if (entry !== undefined) order.give(entry)
  await new Promise((resolve) => setImmediate(resolve))
  return items
}

/** Plays logs in a real flow thread. */
function openPlayer(file: string) {
  let hear: (message: FromThread) => void = () => {}
  const threads = new FlowThreads({
    threads: 1,
    environment: {},
    onMessage: (_key, message) => hear(message),
    onMoved: (_keys, _culprit, why) => assert.fail(why),
  })
  return {
    /** Resolves when the flow has taken all items, and done all that follows from them. */
    async play({
      run,
      params,
      at,
      items,
    }: {
      run: string
      params: Uint8Array
      at: number
      items: LogItem[]
    }): Promise<Replay> {
      const replay: Replay = { calls: [], logged: [], end: undefined }
      const done = new Promise<void>((resolve) => {
        hear = (message) => {
          if (message.type === 'steps')
            for (const { step, kind, name, digest } of unpackSteps(message.steps))
              replay.calls.push(`${step} ${kind} ${name} ${digest}`)
          else if (message.type === 'range') {
            const { first, count, kind, name, bytes } = message.range
            replay.calls.push(`${first} + ${count} ${kind} ${name} ${stepDigest(kind, name, bytes)}`)
          } else if (message.type === 'log') replay.logged.push(`${message.first} ${message.lines[0]?.text}`)
          else if (message.type === 'cancel-step') replay.calls.push(`cancel ${message.step}`)
          else if (message.type === 'end') {
            replay.end = message.end
            resolve()
          } else if (message.type === 'mark') resolve()
        }
      })
      const origin = { run, at }
      const key = threads.start({
        run,
        bundle: { file, flow: 'mixed' },
        params,
        origin,
        attempt: 1,
        base: 0,
        replay: true,
      })
      threads.send(key, { type: 'items', key, items: packItems([...items, { kind: 'mark', mark: 1 }]) })
      await done
      threads.drop(key)
      return replay
    },
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  }
}
