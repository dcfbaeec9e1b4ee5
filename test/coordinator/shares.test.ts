import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { SHARDS } from '#shared/contract/ids.ts'
import { sharesOf } from '../../services/coordinator/shares.ts'

it('one coordinator serves every shard', () => {
  assert.equal(sharesOf('only', []).length, SHARDS)
})

it('a coordinator counts itself once, whether or not the registry has it already', () => {
  assert.deepEqual(sharesOf('a', ['b']), sharesOf('a', ['b', 'a', 'a']))
})

it('every shard is served by exactly one of those who see the same others, each having as many as any', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 }), (ids) => {
      const shares = ids.map((id) => sharesOf(id, ids))
      assert.deepEqual(
        shares.flat().sort((a, b) => a - b),
        Array.from({ length: SHARDS }, (_, shard) => shard),
      )
      const sizes = shares.map((each) => each.length)
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
    }),
  )
})
