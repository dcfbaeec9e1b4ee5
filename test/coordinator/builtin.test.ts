import assert from 'node:assert/strict'
import { it } from 'node:test'
import { BUILTIN_FLOWS } from '#shared/contract/flow-request.ts'
import { registry } from '../../services/coordinator/builtin/flows.ts'

it('the names that are kept for built-in flows are those of the built-in flows', () => {
  assert.deepEqual([...registry.flows.keys()].sort(), [...BUILTIN_FLOWS].sort())
})
