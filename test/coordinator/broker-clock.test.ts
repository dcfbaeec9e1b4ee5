import assert from 'node:assert/strict'
import { it } from 'node:test'
import { brokerClock } from '../../services/coordinator/broker-clock.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())

it("goes by the broker's time, whatever this host's clock says, and as a coordinator it may ask for it", async () => {
  const bus = await broker.connect('coordinator')
  const trueNow = Date.now.bind(Date)
  Date.now = () => trueNow() - 3_600_000
  try {
    using clock = brokerClock(bus.nc)
    assert.ok(Math.abs(clock.now() - Date.now()) < 60_000, 'until it is told')
    let happened = false
    clock.at(trueNow() - 1_000, () => {
      happened = true
    })
    assert.equal(happened, false)
    await clock.ready
    assert.ok(Math.abs(clock.now() - trueNow()) < 60_000)
    await until('what was due by the true time', () => happened)
  } finally {
    Date.now = trueNow
  }
})
