import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { VqpuEntry } from '#shared/contract/registry.ts'
import { countSent } from '../../services/submitter/sent-circuits.ts'

it('circuits sent to a device count until its next heartbeat', () => {
  const devices = new Map<string, VqpuEntry>([['d1', {} as VqpuEntry]])
  const sent = countSent(devices)
  sent.add('d1')
  sent.add('d1')
  assert.equal(sent.to('d1'), 2)
  devices.set('d1', {} as VqpuEntry)
  assert.equal(sent.to('d1'), 0)
  sent.add('d1')
  assert.equal(sent.to('d1'), 1)
})
