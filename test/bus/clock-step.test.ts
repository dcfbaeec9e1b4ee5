import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectBus } from '#shared/bus/connect.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'

test('a connection that is lost comes back although the clock of this host was set back by an hour meanwhile', async () => {
  await using broker = await withBroker({ provision: false })
  await using bus = await connectBus(await broker.addressOf('client'), 'clock-step')
  let reconnects = 0
  bus.onReconnect(() => reconnects++)
  await broker.kill()
  // It has dialled in vain, so it knows when it did last.
  await assert.rejects(bus.nc.request('nobody', '', { timeout: 500 }))
  const trueNow = Date.now.bind(Date)
  Date.now = () => trueNow() - 3_600_000
  try {
    await broker.restart()
    await until('the connection to be back', () => reconnects > 0)
  } finally {
    Date.now = trueNow
  }
})
