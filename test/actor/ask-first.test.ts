import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decide, MAX_LOSSES, type Question, subjectsOf } from '#shared/actor/ask-first.ts'
import { record } from '#shared/contract/subjects.ts'

const question: Question = { run: 'r1', step: 3, attempt: 2, again: false }
const log = record('r1')

function verdictWith(subjects: string[], asked = question) {
  const present = new Set(subjects)
  return decide(asked, (subject) => present.has(subject))
}

describe('what the log says about a command', () => {
  it('it is wanted while its run is requested and nothing about it is recorded', () => {
    assert.deepEqual(verdictWith([log.requested]), { wanted: true, losses: 0 })
  })

  const settled: [string, string, string][] = [
    ['the step has an outcome', log.outcome(3), 'outcome recorded'],
    ['this attempt has failed already', log.attempt(3, 2), 'attempt recorded'],
    ['the run has completed', log.completed, 'run completed'],
    ['the run was cancelled', log.cancel, 'run cancelled'],
  ]
  for (const [title, subject, why] of settled) {
    it(`it is not wanted when ${title}`, () => {
      assert.deepEqual(verdictWith([log.requested, subject]), { wanted: false, why })
    })
  }

  it('it is not wanted when nobody requested the run', () => {
    assert.deepEqual(verdictWith([]), { wanted: false, why: 'run unknown' })
  })

  it('another attempt or another step that is settled says nothing about it', () => {
    const others = [log.attempt(3, 1), log.outcome(2), log.route(3, 2), record('r2').completed]
    assert.deepEqual(verdictWith([log.requested, ...others]), { wanted: true, losses: 0 })
  })

  it('losses are counted only for what was delivered before', () => {
    const lost = Array.from({ length: MAX_LOSSES }, (_, i) => log.lost(3, 2, i + 1))
    assert.deepEqual(verdictWith([log.requested, ...lost.slice(0, 2)], { ...question, again: true }), {
      wanted: true,
      losses: 2,
    })
    assert.deepEqual(verdictWith([log.requested, ...lost], { ...question, again: true }), {
      wanted: true,
      losses: MAX_LOSSES,
    })
    assert.equal(subjectsOf(question).length, 5)
    assert.equal(subjectsOf({ ...question, again: true }).length, 5 + MAX_LOSSES)
  })
})
