import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readParams, readText, wholeNumber } from '../../scripts/cli/options.ts'
import { parseDuration } from '../../scripts/cli/terminal/duration.ts'

test('-p values are JSON, or else strings, and win over --params', () => {
  assert.deepEqual(readParams('{"n": 1, "m": 2}', ['n=3', 'name=bell', 'quoted="3"', 'list=[1]', 'eq=a=b']), {
    n: 3,
    m: 2,
    name: 'bell',
    quoted: '3',
    list: [1],
    eq: 'a=b',
  })
  assert.deepEqual(readParams(undefined), {})
  assert.deepEqual(readParams('[1,2]'), [1, 2])
})

test('bad parameters are refused with what to write', () => {
  assert.throws(() => readParams('{n:1}'), {
    code: 'INVALID_OPTION',
    message: /--params is not JSON.*-p n=3/,
  })
  assert.throws(() => readParams('[1]', ['n=1']), {
    code: 'INVALID_OPTION',
    message: /-p key=value adds to an object/,
  })
  assert.throws(() => readParams(undefined, ['n']), {
    code: 'INVALID_OPTION',
    message: /-p "n": write key=value/,
  })
  assert.throws(() => readParams('@/nowhere.json'), {
    code: 'INVALID_OPTION',
    message: '/nowhere.json: there is no such file',
  })
  assert.throws(() => readText('/'), { code: 'INVALID_OPTION', message: '/: it is a folder' })
})

test('whole numbers know their bounds', () => {
  const shots = wholeNumber('--shots', 1, 10)
  assert.equal(shots('10'), 10)
  for (const bad of ['0', '11', '1.5', '1e1', '', 'x', '0x2']) {
    assert.throws(() => shots(bad), {
      code: 'INVALID_OPTION',
      message: `--shots ${JSON.stringify(bad)}: write a whole number, 1 to 10`,
    })
  }
})

test('spans of time are read in units', () => {
  assert.equal(parseDuration('--since', '10m'), 600)
  assert.equal(parseDuration('--since', '1h30m'), 5400)
  assert.equal(parseDuration('--since', '90'), 90)
  for (const bad of ['', 'm', '10 m', '10x', '-5s'])
    assert.throws(() => parseDuration('--since', bad), { code: 'INVALID_OPTION' })
})
