import assert from 'node:assert/strict'
import { it } from 'node:test'
import { fillTemplate } from '#shared/flow/template.ts'

it('a name template takes fields of the first argument, arguments by number, and the date', () => {
  const now = Date.UTC(2026, 1, 3)
  assert.equal(fillTemplate('run-{n}-{who}', [{ n: 3, who: 'Ada' }], now), 'run-3-Ada')
  assert.equal(fillTemplate('{0} and {1}', ['one', 2], now), 'one and 2')
  assert.equal(fillTemplate('of {date}', [{}], now), 'of 2026-02-03')
  assert.equal(fillTemplate('of {date}', [{ date: 'May' }], now), 'of May')
  assert.equal(fillTemplate('{deep}', [{ deep: { a: [1] } }], now), '{"a":[1]}')
})

it('what a template names and nobody has stays as it is written', () => {
  assert.equal(fillTemplate('{missing} {2} {} {', ['x'], 0), '{missing} {2} {} {')
  assert.equal(fillTemplate('{toString}', [{}], 0), '{toString}')
})

it('a name is never longer than 200 characters', () => {
  assert.equal(fillTemplate('{0}', ['x'.repeat(1000)], 0).length, 200)
})
