import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultOf } from '../../services/vqpu/probe.ts'

describe('the probe circuit', () => {
  it('passes for a GHZ state', () => assert.equal(faultOf({ '000': 510, '111': 490 }), undefined))

  const wrong: [string, Record<string, number>, RegExp][] = [
    ['an outcome that can not come', { '000': 500, '010': 1, '111': 499 }, /"010"/],
    ['shots that are missing', { '000': 500, '111': 499 }, /999 outcomes came of 1000/],
    ['a coin that is not fair', { '000': 1000 }, /000 came 1000 times, 111 0 times/],
    ['no counts', {}, /0 outcomes/],
  ]
  for (const [title, counts, fault] of wrong) {
    it(`fails for ${title}`, () => assert.match(faultOf(counts) ?? '', fault))
  }
})
