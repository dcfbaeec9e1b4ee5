import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { headers } from '@nats-io/transport-node'
import { connectBus } from '#shared/bus/connect.ts'
import { muxOf } from '#shared/bus/mux.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'

const broker = await withBroker({ provision: false })
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')
const { nc: other } = await broker.connect('admin')

describe('a mux', () => {
  it('gives each of many requests its own answer, also when they come in another order', async () => {
    const kept: (() => void)[] = []
    other.subscribe('echo', {
      callback(_error, message) {
        kept.push(() => message.respond(message.data))
        if (kept.length === 100) for (const answer of kept.reverse()) answer()
      },
    })
    await other.flush()
    const asked = Array.from({ length: 100 }, (_, i) => muxOf(nc).request('echo', `${i}`, undefined, 5_000))
    const answers = (await Promise.all(asked)).map((message) => message?.string())
    assert.deepEqual(
      answers,
      asked.map((_, i) => `${i}`),
    )
  })

  it('sends headers along', async () => {
    other.subscribe('headed', {
      callback: (_error, message) => void message.respond(message.headers?.get('X')),
    })
    await other.flush()
    const sent = headers()
    sent.set('X', 'a header')
    assert.equal((await muxOf(nc).request('headed', '', sent, 5_000))?.string(), 'a header')
  })

  it('says at once that nobody is there', async () => {
    const from = performance.now()
    assert.equal(await muxOf(nc).request('nobody', '', undefined, 60_000), undefined)
    assert.ok(performance.now() - from < 30_000)
  })

  it('gives up when no answer comes in time', async () => {
    other.subscribe('silent', { callback() {} })
    await other.flush()
    assert.equal(await muxOf(nc).request('silent', '', undefined, 300), undefined)
  })

  it('takes several answers for as long as they are wanted, and gives up when the next one is late', async () => {
    other.subscribe('counts', {
      callback(_error, message) {
        for (let i = 1; i <= 5; i++) message.respond(`${i}`)
      },
    })
    await other.flush()
    const answers = (most: number): Promise<(string | undefined)[]> =>
      new Promise((resolve) => {
        const got: (string | undefined)[] = []
        muxOf(nc).requestMany('counts', '', 500, (message) => {
          got.push(message?.string())
          if (message !== undefined && got.length < most) return true
          resolve(got)
          return false
        })
      })
    assert.deepEqual(await answers(3), ['1', '2', '3'])
    assert.deepEqual(await answers(9), ['1', '2', '3', '4', '5', undefined])
  })

  it('is one for a connection', () => {
    assert.equal(muxOf(nc), muxOf(nc))
    assert.notEqual(muxOf(nc), muxOf(other))
  })

  it('gives up what was asked over a connection that broke, and answers over the next one', async () => {
    await using bus = await connectBus(await broker.addressOf('admin'), 'test-mux')
    let asked = 0
    other.subscribe('held', { callback: () => void asked++ })
    await other.flush()
    const lost = muxOf(bus.nc).request('held', '', undefined, 3_600_000)
    await until('the question to be heard', () => asked > 0)
    await broker.kill()
    await broker.restart()
    assert.equal(await lost, undefined)
    await until('both to be back', async () => {
      const flushed = await Promise.all([bus.nc.flush(), other.flush()]).catch(() => undefined)
      return flushed !== undefined
    })
    other.subscribe('back', { callback: (_error, message) => void message.respond('yes') })
    await other.flush()
    assert.equal((await muxOf(bus.nc).request('back', '', undefined, 5_000))?.string(), 'yes')
  })

  it('gives up everything when the connection is closed, and at once from then on', async () => {
    const bus = await connectBus(await broker.addressOf('admin'), 'test-mux')
    other.subscribe('never', { callback() {} })
    await other.flush()
    const asked = muxOf(bus.nc).request('never', '', undefined, 3_600_000)
    await bus.nc.close()
    assert.equal(await asked, undefined)
    assert.equal(await muxOf(bus.nc).request('never', '', undefined, 3_600_000), undefined)
  })
})
