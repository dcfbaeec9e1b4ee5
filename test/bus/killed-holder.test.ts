import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { backlogOf, ensureConsumer } from '#shared/bus/consumers.ts'
import { MAX_ACK_PENDING, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { ackIt, commands, publishAll, takeFrom } from './commands.ts'

const HOLDER = fileURLToPath(new URL('../fixtures/bus/hold-commands.ts', import.meta.url))

test("a killed client's commands go to another one, while that one keeps acks flowing at full rate", async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await ensureConsumer(bus.nc, STREAM.tasks, 'busy', filter.poolTasks('busy'))
  await publishAll(bus, commands('busy', 'held', 500))
  const { url, user, password } = await broker.addressOf('admin')
  const holder = execa(process.execPath, [HOLDER, url, user, password, STREAM.tasks, 'busy', '500'], {
    reject: false,
  })
  let output = ''
  holder.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  await until('the other client holds 500', () => output.includes('held\n'))
  const held = new Set(output.trim().split('\n').slice(0, -1).map(Number))
  assert.equal(held.size, 500)
  holder.kill('SIGKILL')
  await holder

  // Redelivery is looked at while acks come in: above 1,024 pending the broker never gets to it.
  using taker = takeFrom(bus, 'busy', MAX_ACK_PENDING - 500, ackIt)
  let most = 0
  let rounds = 0
  const missing = () => {
    for (const each of taker.all) held.delete(each.sequence)
    return held.size
  }
  while (missing() > 0) {
    const before = taker.all.length
    await publishAll(bus, commands('busy', `more-${rounds++}`, 900))
    const backlog = await backlogOf(bus.nc, STREAM.tasks, 'busy')
    most = Math.max(most, backlog?.running ?? 0)
    await until('acks flow', () => taker.all.length > before)
    assert.ok(rounds < 5000, `${missing()} were not delivered again in ${rounds} rounds of 900`)
  }
  assert.ok(rounds > 20, `only ${rounds} rounds: the acks did not flow`)
  assert.ok(most <= MAX_ACK_PENDING, `${most} were pending`)
})
