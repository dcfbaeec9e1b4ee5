import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { CommandSender } from '#shared/bus/command-sender.ts'
import { readLast } from '#shared/bus/direct.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { commands } from './commands.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')
const manager = await jetstreamManager(nc)

const open = () => new CommandSender(nc, STREAM.tasks)
const there = async (run: string): Promise<number> => {
  const { state } = await manager.streams.info(STREAM.tasks, { subjects_filter: filter.runTasks(run) })
  return Object.keys(state.subjects ?? {}).length
}
const text = async (draft: Draft | undefined): Promise<string> => {
  const stored = await readLast(nc, STREAM.tasks, draft?.subject ?? '')
  return Buffer.from(stored?.data ?? '').toString()
}

test('3,000 commands at once are all there, each once, in the order they came', async () => {
  const sender = open()
  const all = commands('cpu', 'many', 3_000)
  for (const each of all) sender.send(each)
  await until('all to be there', async () => (await there('many')) === 3_000)
  const first = await readLast(nc, STREAM.tasks, all[0]?.subject ?? '')
  const last = await readLast(nc, STREAM.tasks, all.at(-1)?.subject ?? '')
  assert.equal((last?.sequence ?? 0) - (first?.sequence ?? 0), 2_999)
  assert.equal(sender.waiting, 0)
  sender.close()
})

test('the first command of a subject stays, whatever comes after it', async () => {
  const sender = open()
  const [one] = commands('cpu', 'first', 1)
  assert.ok(one)
  assert.equal(await sender.create(one), 'stored')
  assert.equal(await sender.create({ ...one, body: Buffer.from('another') }), 'present')
  sender.send({ ...one, body: Buffer.from('a third') })
  const [next] = commands('cpu', 'after', 1)
  assert.equal(await sender.create(next as Draft), 'stored')
  assert.equal(await text(one), 'first 1')
  sender.close()
})

test('says which of many commands are not there', async () => {
  const sender = open()
  const all = commands('cpu', 'some', 1_500)
  await Promise.all(all.filter((_, i) => i % 3 === 0).map((each) => sender.create(each)))
  const missing = await sender.missing(all.map(({ subject }) => subject))
  assert.deepEqual(
    missing,
    all.filter((_, i) => i % 3 !== 0).map(({ subject }) => subject),
  )
  sender.close()
})

test('a command that no message can hold is refused at once, and the others go on', async () => {
  const sender = open()
  const [large, small] = commands('cpu', 'sizes', 2)
  const tooLarge = { ...(large as Draft), body: new Uint8Array((nc.info?.max_payload ?? 0) + 1) }
  assert.throws(() => sender.send(tooLarge), { code: 'UNENCODABLE' })
  await assert.rejects(sender.create(tooLarge), { code: 'UNENCODABLE' })
  assert.equal(await sender.create(small as Draft), 'stored')
  sender.close()
})

test('waits while the stream is full, says so, and sends all when there is room', async () => {
  const sender = open()
  const filler = commands('cpu', 'filler', 40).map((each) => ({ ...each, body: new Uint8Array(20_000) }))
  for (const each of filler) assert.equal(await sender.create(each), 'stored')
  const { config, state } = await manager.streams.info(STREAM.tasks)
  await manager.streams.update(STREAM.tasks, { ...config, max_bytes: state.bytes + 30_000 })
  const late = commands('cpu', 'late', 300).map((each) => ({ ...each, body: new Uint8Array(2_000) }))
  for (const each of late) sender.send(each)
  await until('it to say that the stream is full', () => sender.full)
  assert.ok((await there('late')) < 300)
  await manager.streams.purge(STREAM.tasks, { filter: filter.runTasks('filler') })
  await until('the rest to be there', async () => (await there('late')) === 300)
  await until('it to say that there is room', () => !sender.full)
  await manager.streams.update(STREAM.tasks, config)
  sender.close()
})

test('sends again what a broker that died has not answered', async () => {
  const sender = open()
  const all = commands('cpu', 'killed', 2_000)
  for (const each of all) sender.send(each)
  await broker.kill()
  await broker.restart()
  await until('nothing to wait', () => sender.waiting === 0, 50)
  // The groups that were answered before the kill may be lost with it: whoever sends them looks and sends again.
  await until('all to be there', async () => {
    const missing = new Set(await sender.missing(all.map(({ subject }) => subject)))
    for (const each of all) if (missing.has(each.subject)) sender.send(each)
    return missing.size === 0
  })
  assert.equal(await there('killed'), 2_000)
  sender.close()
})

test('after its end sends nothing more', async () => {
  const sender = open()
  const [one, two] = commands('cpu', 'closed', 2)
  sender.send(one as Draft)
  sender.close()
  await assert.rejects(sender.create(two as Draft), { code: 'UNREACHABLE' })
  assert.equal(await there('closed'), 0)
})
