import assert from 'node:assert/strict'
import { it } from 'node:test'
import { admissionFor } from '../../services/coordinator/admission.ts'

const fills = (...parts: number[]) =>
  parts.map((part, i) => ({ stream: ['RUNS', 'TASKS', 'PERMITS'][i] ?? '', part }))

for (const [what, parts, roots, children] of [
  ['while nothing is known, all runs begin', [], true, true],
  ['below 80 %, all runs begin', [0.1, 0.799], true, true],
  ['from 80 % on, only sub-flows, which runs wait for', [0.1, 0.8], false, true],
  ['from 95 % on, none', [0.95, 0.1], false, false],
] as const)
  it(what, () => {
    const admission = admissionFor(fills(...parts))
    assert.deepEqual([admission.roots, admission.children], [roots, children])
    assert.equal(admission.why === undefined, roots)
  })

it('says which stream is the fullest, how full, and what helps', () => {
  assert.match(admissionFor(fills(0.81, 0.913, 0.85)).why ?? '', /TASKS is 91 % full.*purged/)
})
