import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { flow } from '#shared/flow/flow.ts'
import { type StepOptions, toPolicy } from '#shared/flow/options.ts'
import { task } from '#shared/flow/task.ts'
import { sleep } from '#shared/flow/time-and-chance.ts'

const wrong: [key: string, options: Record<string, unknown>, shown: string][] = [
  ['pool', { pool: 'a.b' }, '"a.b"'],
  ['pool', { pool: '' }, '""'],
  ['retries', { retries: -1 }, '-1'],
  ['retries', { retries: 1.5 }, '1.5'],
  ['retryDelaySeconds', { retryDelaySeconds: -1 }, '-1'],
  ['retryDelaySeconds', { retryDelaySeconds: '5' }, '"5"'],
  ['retryBackoff', { retryBackoff: 0.5 }, '0.5'],
  ['retryMaxDelaySeconds', { retryMaxDelaySeconds: Number.NaN }, 'NaN'],
  ['retryJitter', { retryJitter: Number.POSITIVE_INFINITY }, 'Infinity'],
  ['timeoutSeconds', { timeoutSeconds: 0 }, '0'],
  ['onLost', { onLost: 'ignore' }, '"ignore"'],
]

describe('options of a step', () => {
  for (const [key, options, shown] of wrong) {
    it(`${key} ${shown} is refused where it is written, with what was got`, () => {
      assert.throws(
        () => toPolicy('task("t")', options as StepOptions),
        (error: Error & { code: string }) => {
          assert.equal(error.code, 'INVALID_OPTION')
          assert.ok(error.message.startsWith(`task("t"): ${key} is ${shown}; `), error.message)
          assert.match(error.message, / is wanted$/)
          return true
        },
      )
    })
  }

  it('that are not given leave no trace, so that the defaults are decided in one place', () => {
    assert.deepEqual(toPolicy('', {}), {})
    assert.deepEqual(toPolicy('', { retries: 0, pool: 'cpu' }), { retries: 0, pool: 'cpu' })
  })
})

describe('a definition', () => {
  it('is refused when its name is empty or taken', () => {
    task('named once', () => 1)
    assert.throws(() => task('named once', () => 2), {
      code: 'INVALID_NAME',
      message: /"named once" is defined twice/,
    })
    assert.throws(() => task('  ', () => 1), { code: 'INVALID_NAME' })
    assert.throws(() => flow('', () => 1), { code: 'INVALID_NAME' })
  })

  it('is refused when it has no function, or an input that is no schema', () => {
    assert.throws(() => task('no function', 7 as never), { code: 'INVALID_OPTION' })
    assert.throws(() => flow('no schema', { input: { n: 1 } as never }, () => 1), {
      code: 'INVALID_OPTION',
      message: /Standard Schema/,
    })
    flow('a schema', { input: z.object({}) }, () => 1)
  })

  it('can not be used outside of a flow', () => {
    const outside = task('outside', () => 1)
    assert.throws(() => outside.run(), { code: 'INVALID_OPTION', message: /outside of a flow/ })
    assert.throws(() => sleep(1), { code: 'INVALID_OPTION' })
    assert.throws(() => sleep(-1), { code: 'INVALID_OPTION', message: /the time is -1/ })
  })
})
