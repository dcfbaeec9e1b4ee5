import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Told } from '../fixtures/flows/shapes.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { isAlive } from '../support/process-facts.ts'
import { tempHome } from '../support/temp-home.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
// A machine with two GPUs, as the vendor's own tool tells it.
const tool = join(folder.path, 'nvidia-smi')
await writeFile(tool, '#!/bin/sh\n[ "$1" = --query-gpu=index ] && printf "0\\n1\\n"\n')
await chmod(tool, 0o755)
process.env.PATH = `${folder.path}:${process.env.PATH}`

const pools = ['generic', 'gpu', 'memory', 'two', 'fed']
const actors = await actorsForThisFile({ pools, workers: 0 })
const flows = await actors.flows('shapes.ts')
const worker = (pool: string, ...more: string[]) => actors.start('worker', '--pools', pool, ...more)

async function resultOf<T>(flow: string, params: unknown, pool: string): Promise<T> {
  const { result, error } = await flows.run(flow, params, { pool })
  assert.equal(error, undefined)
  return result as T
}

/** How many ran at the same time, at most. */
function most(told: readonly Told[]): number {
  return Math.max(
    ...told.map(({ from }) => told.filter((each) => each.from <= from && from < each.to).length),
  )
}

describe('a task', { concurrency: true }, () => {
  it('that needs a GPU gets one for itself, and sees no other', async () => {
    await worker('gpu', '--slots', '4')
    const needing = (needs: object) => resultOf<Told[]>('needing', { n: 6, ms: 150, needs }, 'gpu')
    const [one, none] = await Promise.all([needing({ gpus: 1 }), needing({})])
    for (const { gpus, visible } of one) {
      assert.equal(gpus.length, 1)
      assert.equal(visible, gpus[0])
    }
    for (const id of ['0', '1']) {
      const users = one.filter(({ gpus }) => gpus[0] === id)
      assert.equal(most(users), 1)
      assert.ok(users.length >= 1, `GPU ${id} was never used`)
    }
    for (const { gpus, visible } of none) assert.deepEqual([gpus, visible], [[], ''])
    const both = await needing({ gpus: 2 })
    assert.deepEqual([most(both), both[0]?.gpus, both[0]?.visible], [1, ['0', '1'], '0,1'])
    const { queues } = await actors.client.status()
    for (const queue of ['tasks gpu', 'tasks gpu c1g1', 'tasks gpu c1g2'])
      assert.deepEqual(queues[queue], { waiting: 0, running: 0 }, queue)
  })

  it('that needs cores or memory runs beside as many as there is room for', async () => {
    await worker('memory', '--slots', '4', '--memory', '1GiB', '--gpus', '0')
    const needing = (needs: object) => resultOf<Told[]>('needing', { n: 8, ms: 200, needs }, 'memory')
    const large = await needing({ memory: '512MiB' })
    assert.ok(most(large) <= 2)
    const wide = await needing({ cores: 3 })
    assert.deepEqual([most(wide), wide[0]?.cores], [1, 3])
    for (const [n, needs] of [
      [4, {}],
      [2, { memory: '512MiB' }],
      [2, { cores: 2 }],
    ] as const) {
      const together = join(folder.path, `${n} ${JSON.stringify(needs)}`)
      mkdirSync(together)
      await resultOf('meeting', { folder: together, n, needs }, 'memory')
    }
  })

  it('that is large does not stand in the way of small ones', async () => {
    await worker('two', '--slots', '2', '--gpus', '0')
    const file = join(folder.path, 'large')
    await resultOf('large', { file }, 'two')
    assert.deepEqual(readFileSync(file, 'utf8').trim().split('\n'), [
      'begun',
      ...Array(5).fill('small'),
      'big',
    ])
  })

  it('that is large has its turn, however many small ones there are', async () => {
    await worker('fed', '--slots', '2', '--gpus', '0')
    assert.ok((await resultOf<number>('starving', {}, 'fed')) > 0)
  })

  it('is kept apart in a process, where that is asked for: what it breaks is gone with it', async () => {
    const { pid } = await worker('generic', '--slots', '2', '--gpus', '0')
    type Counted = { n: number; pid: number }
    const { first, end, after, thread } = await resultOf<{
      first: Counted
      end: string
      after: Counted
      thread: Counted
    }>('apart', {}, 'generic')
    assert.deepEqual([first.n, after.n, thread.n], [1, 1, 1])
    assert.notEqual(first.pid, pid)
    assert.notEqual(after.pid, first.pid)
    assert.equal(thread.pid, pid)
    assert.match(end, /ended its process \(signal SIGKILL\)/)

    for (const [flow, params] of [
      ['eating', { mib: 600, memory: '200MiB' }],
      ['eating-program', { node: process.execPath, memory: '200MiB' }],
    ] as const) {
      const { error } = await flows.run(flow, params, { pool: 'generic' })
      assert.equal(error?.code, 'OUT_OF_MEMORY', flow)
      assert.match(error?.message ?? '', /used \d+ MiB of memory, 200 MiB are allowed/)
    }
    assert.equal(await resultOf('eating', { mib: 16, memory: '1GiB' }, 'generic'), 2)

    const seen = await resultOf<number[]>('leaking', { n: 3, mib: 600 }, 'generic')
    assert.deepEqual(seen, [1, 1, 1])
    assert.ok(isAlive(pid ?? 0))
  })
})
