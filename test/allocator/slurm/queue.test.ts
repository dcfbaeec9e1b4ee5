/** What Slurm says, and what follows from it. Lines as Slurm 22.05 writes them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isAbandoned, isHeld, meaningOf } from '../../../services/allocator/slurm/job-state.ts'
import { type LookFacts, lookAtJob } from '../../../services/allocator/slurm/look-at-job.ts'
import { type QueueEntry, readQueue } from '../../../services/allocator/slurm/queue-line.ts'
import type { SlurmJobFile } from '../../../services/allocator/slurm/slurm-job-file.ts'

it('lines of the queue are read, whatever else is printed between them', () => {
  const text = [
    'squeue: some plugin has something to say',
    '12|cpu-0-1-0a1b2c3d|RUNNING|cpu1|2026-11-27T05:00:00|2026-11-27T05:00:01|None',
    '13|cpu-1-1-0a1b2c3d|PENDING||2026-11-27T05:00:00|N/A|Resources',
    '14|x|PENDING||2026-11-27T05:00:00|N/A|Nodes required for job are DOWN, DRAINED | reserved',
    '',
  ].join('\n')
  const [running, pending, strange, ...more] = readQueue(text)
  assert.deepEqual(more, [])
  assert.deepEqual(running, {
    id: '12',
    name: 'cpu-0-1-0a1b2c3d',
    state: 'RUNNING',
    node: 'cpu1',
    submittedAt: Date.parse('2026-11-27T05:00:00'),
    startedAt: Date.parse('2026-11-27T05:00:01'),
    reason: undefined,
  })
  assert.deepEqual([pending?.node, pending?.startedAt, pending?.reason], [undefined, undefined, 'Resources'])
  assert.equal(strange?.reason, 'Nodes required for job are DOWN, DRAINED | reserved')
})

it('states have the meaning that Slurm gives them; an unknown one concludes nothing', () => {
  const shown = (state: string): string => {
    const meaning = meaningOf(state)
    return meaning.state === 'ended' ? meaning.how : meaning.state
  }
  for (const [state, meaning] of Object.entries({
    PENDING: 'pending',
    CONFIGURING: 'pending',
    REQUEUED: 'pending',
    RUNNING: 'running',
    COMPLETING: 'running',
    SUSPENDED: 'running',
    COMPLETED: 'orderly',
    FAILED: 'failed',
    OUT_OF_MEMORY: 'failed',
    NODE_FAIL: 'vanished',
    PREEMPTED: 'vanished',
    'CANCELLED by 1000': 'cancelled',
    TIMEOUT: 'walltime',
    SOMETHING_NEW: 'running',
  }))
    assert.equal(shown(state), meaning, state)
})

it('a job that is held waits for a person; one that Slurm held after a failed launch for us', () => {
  assert.deepEqual(
    [
      'JobHeldUser',
      'JobHeldAdmin',
      'launch_failed_requeued_held',
      'job_requeued_in_held_state',
      'Resources',
    ].map((reason) => [isHeld(reason), isAbandoned(reason)]),
    [
      [true, false],
      [true, false],
      [true, true],
      [true, false],
      [false, false],
    ],
  )
})

const NOW = 1_800_000_000_000
const FILE: SlurmJobFile = {
  name: 'cpu-0-1-0a1b2c3d',
  pool: 'cpu',
  claimedBy: { pid: 1, start: '1', boot: 'b' },
  claimedAt: NOW - 20_000,
  submittedAt: NOW - 20_000,
  log: '/dev/null',
  id: '12',
}
const ENTRY: QueueEntry = {
  id: '12',
  name: FILE.name,
  state: 'RUNNING',
  node: 'cpu1',
  submittedAt: NOW - 19_000,
  startedAt: NOW - 18_000,
  reason: undefined,
}

describe('a look at the queue', () => {
  const look = (facts: Partial<LookFacts>) =>
    lookAtJob({ file: FILE, entries: [ENTRY], claimed: false, missingSince: undefined, now: NOW, ...facts })
  const { id: _, ...unnumbered } = FILE

  it('finds a job that runs, waits, or has ended', () => {
    assert.deepEqual(look({}), { is: 'running', startedAt: NOW - 18_000, node: 'cpu1' })
    const pending = { ...ENTRY, state: 'PENDING', node: undefined, startedAt: undefined }
    assert.deepEqual(look({ entries: [{ ...pending, reason: 'Priority' }] }), {
      is: 'pending',
      reason: 'Priority',
    })
    assert.deepEqual(look({ entries: [{ ...pending, reason: 'JobHeldUser' }] }), {
      is: 'pending',
      reason: 'held: JobHeldUser',
    })
    assert.deepEqual(look({ entries: [{ ...ENTRY, state: 'TIMEOUT', reason: 'TimeLimit' }] }), {
      is: 'ended',
      ended: { at: NOW, how: 'walltime', reason: 'Slurm job 12 on cpu1: TIMEOUT (TimeLimit)' },
      startedAt: NOW - 18_000,
      node: 'cpu1',
    })
  })

  it('takes what we ended for cancelled, however it went', () => {
    const file = { ...FILE, ending: 'cancelled' as const }
    for (const state of ['COMPLETED', 'FAILED', 'CANCELLED']) {
      const { ended } = look({ file, entries: [{ ...ENTRY, state }] }) as { ended: { how: string } }
      assert.equal(ended.how, 'cancelled')
    }
  })

  it('gives up what Slurm has given up', () => {
    const entries = [{ ...ENTRY, state: 'PENDING', node: undefined, reason: 'launch_failed_requeued_held' }]
    assert.equal(look({ entries }).is, 'stuck')
  })

  it('concludes nothing from one answer without it', () => {
    assert.deepEqual(look({ entries: [] }), { is: 'unclear' })
    assert.deepEqual(look({ entries: [], missingSince: NOW - 59_000 }), { is: 'unclear' })
    assert.equal(look({ entries: [], missingSince: NOW - 60_000 }).is, 'ended')
  })

  it('does not take a job that has its number now for it', () => {
    const entries = [{ ...ENTRY, name: 'of-somebody-else' }]
    assert.deepEqual(look({ entries }), { is: 'unclear' })
  })

  it('finds by its name what was submitted by an allocator that died over it', () => {
    assert.deepEqual(look({ file: unnumbered }), { is: 'found', id: '12' })
  })

  it('waits for whoever is about to submit it, and a little longer', () => {
    assert.deepEqual(look({ file: unnumbered, entries: [], claimed: true }), { is: 'unclear' })
    assert.deepEqual(look({ file: { ...unnumbered, claimedAt: NOW - 14_000 }, entries: [] }), {
      is: 'unclear',
    })
    assert.equal(look({ file: unnumbered, entries: [] }).is, 'ended')
  })
})
