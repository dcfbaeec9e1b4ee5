import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { VqpuEntry } from '#shared/contract/registry.ts'
import { type Absences, judgeDevices, noteAbsences } from '../../services/submitter/judge-devices.ts'

const GRACE = 30_000
const waiting = [{ device: 'd1', outstanding: 3, settledTo: 7 }]

function heard(state?: VqpuEntry['state'], why?: string): Map<string, VqpuEntry> {
  return new Map(state === undefined ? [] : [['d1', { id: 'd1', state, why } as VqpuEntry]])
}

/** What is judged at `at` after the device gave the signs of `history`: [time, state]. */
function judgedAt(at: number, history: [number, VqpuEntry['state'] | undefined][], queues = waiting) {
  let absences: Absences = new Map()
  let known: string[] = []
  for (const [time, state] of history) {
    const devices = heard(state, 'walltime')
    absences = noteAbsences(absences, devices, queues, known, time)
    known = [...devices.keys()]
  }
  return judgeDevices(absences, queues, GRACE, at)
}

describe('a device with circuits left behind', () => {
  it('is not gone while it speaks', () => {
    for (const state of ['starting', 'ready', 'draining'] as const)
      assert.deepEqual(judgedAt(1e6, [[0, state]]), [])
  })

  it('that says it has ended is gone when it still says so after a heartbeat', () => {
    assert.deepEqual(judgedAt(3_000, [[0, 'ended']]), [])
    assert.deepEqual(judgedAt(4_000, [[0, 'ended']]), [
      { device: 'd1', takeBack: 'all', why: 'it has ended: walltime', settledTo: 7 },
    ])
  })

  it('that has ended stays gone when its entry has expired', () => {
    assert.equal(
      judgedAt(20_000, [
        [0, 'ended'],
        [15_000, undefined],
      ])[0]?.takeBack,
      'all',
    )
  })

  it('that is silent loses first what could run elsewhere, then everything', () => {
    assert.deepEqual(judgedAt(9_000, [[0, undefined]]), [])
    assert.equal(judgedAt(10_000, [[0, undefined]])[0]?.takeBack, 'chosen')
    assert.equal(judgedAt(39_000, [[0, undefined]])[0]?.takeBack, 'chosen')
    assert.equal(judgedAt(40_000, [[0, undefined]])[0]?.takeBack, 'all')
  })

  it('that was replaced in time is not gone', () => {
    assert.deepEqual(
      judgedAt(60_000, [
        [0, undefined],
        [20_000, 'starting'],
      ]),
      [],
    )
    assert.deepEqual(
      judgedAt(60_000, [
        [0, 'ended'],
        [2_000, 'ready'],
      ]),
      [],
    )
  })

  it('is not looked for when nothing waits there', () => {
    assert.deepEqual(judgedAt(1e6, [[0, undefined]], [{ device: 'd1', outstanding: 0, settledTo: 9 }]), [])
  })

  it('that is silent and has lost its queue too is not waited for: it was given up', () => {
    assert.equal(
      judgedAt(
        9_000,
        [
          [0, 'ready'],
          [0, undefined],
        ],
        [],
      )[0],
      undefined,
    )
    assert.equal(
      judgedAt(
        10_000,
        [
          [0, 'ready'],
          [0, undefined],
        ],
        [],
      )[0]?.takeBack,
      'all',
    )
  })

  it('is never the queue of a pool', () => {
    const pool = [{ device: 'pool-vqpu', outstanding: 50, settledTo: 0 }]
    assert.deepEqual(judgedAt(1e6, [[0, undefined]], pool), [])
  })
})
