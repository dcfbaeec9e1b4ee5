import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseText, referencesIn } from '#shared/graph/reference.ts'
import { resolve } from '#shared/graph/resolve.ts'

const scope = {
  run: 'r-1',
  params: { n: 3, list: ['a', 'b'], deep: { 'odd key': { x: null } } },
  results: new Map<string, unknown>([
    ['fit', { stdout: ' {"theta": 0.5, "all": [1, 2]}\n', exitCode: 0 }],
    ['bell', { counts: { '00': 510, '11': 490 } }],
    ['big', 2n ** 70n],
    ['nap', undefined],
  ]),
}
const ref = (text: string): string => `\${{ ${text} }}`

describe('a reference', () => {
  const found: [text: string, value: unknown][] = [
    [ref('params.n'), 3],
    [ref('params'), scope.params],
    [ref('params.list[1]'), 'b'],
    [ref("params.deep['odd key'].x"), null],
    [ref('run.id'), 'r-1'],
    [ref("steps.bell.result.counts['00']"), 510],
    [ref('steps.bell.result.counts["11"]'), 490],
    [ref('steps.bell.result.counts.11'), 490],
    [ref('steps["fit"].result.exitCode'), 0],
    [ref('fromJSON(steps.fit.result.stdout).theta'), 0.5],
    [ref('fromJSON( trim( steps.fit.result.stdout ) ).all[1]'), 2],
    [ref('steps.nap.result'), undefined],
    ['${{params.n}}', 3],
    [`n=${ref('params.n')}, all=${ref('params.list')}!`, 'n=3, all=["a","b"]!'],
    [`${ref('params.n')}${ref('params.n')}`, '33'],
    [`<${ref('steps.nap.result')}>`, '<>'],
    [`${ref('steps.big.result')} is big`, `${2n ** 70n} is big`],
    ['no reference, {{ }} $', 'no reference, {{ }} $'],
    ['$${{ params.n }}', '${{ params.n }}'],
  ]
  for (const [text, value] of found)
    it(`${text} becomes ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`, () => {
      assert.deepEqual(resolve(text, scope), value)
    })

  it('is replaced wherever it stands, and nothing else is', () => {
    const value = { a: [ref('params.n'), 7, null, { b: ref('params.list[0]') }], when: new Date(0) }
    assert.deepEqual(resolve(value, scope), { a: [3, 7, null, { b: 'a' }], when: new Date(0) })
  })

  const lost: [text: string, says: RegExp][] = [
    [
      ref('steps.fit.result.theta'),
      /finds nothing: where "theta" is looked for there is an object with stdout, exitCode/,
    ],
    [ref('params.list[7]'), /where 7 is looked for there is a list of 2/],
    [ref('params.list.length'), /finds nothing/],
    [ref('steps.nap.result.x'), /there is nothing/],
    [ref('params.constructor'), /finds nothing/],
    [ref('fromJSON(params.n)'), /fromJSON\(…\) reads text; it was given 3/],
    [ref('fromJSON(params.list[0])'), /what is not JSON/],
  ]
  for (const [text, says] of lost)
    it(`${text} that finds nothing says what is there`, () => {
      assert.throws(() => resolve(text, scope), { name: 'ReferenceProblem', message: says })
    })

  const wrong: [text: string, says: RegExp][] = [
    ['${{ params.n', /"\}\}" is missing/],
    ['${{ }}', /a reference is missing/],
    ['${{ step.fit.result }}', /"step" is not known; write \$\{\{ steps\.NAME\.result \}\}/],
    ['${{ steps }}', /the name of a step is missing/],
    ['${{ steps.fit }}', /"\.result" is missing/],
    ['${{ steps.fit.outputs.x }}', /"\.result" is missing, found "outputs"/],
    ['${{ run.name }}', /"\.id" is missing, found "name"/],
    ['${{ params. }}', /a name is missing after "\."/],
    ['${{ params[x] }}', /write an index or a key in quotes/],
    ['${{ fromJSON params }}', /"\(" is missing after fromJSON/],
    ['${{ fromJSON(params }}', /"\)" is missing/],
    ['${{ params.a + 1 }}', /"\}\}" is missing/],
  ]
  for (const [text, says] of wrong)
    it(`${text} is refused with what is wrong with it`, () => {
      assert.throws(() => parseText(text), { name: 'ReferenceProblem', message: says })
    })
})

describe('texts of any kind', () => {
  it('are read, or refused in words', () => {
    const piece = fc.constantFrom(
      '${{',
      '}}',
      '$',
      'steps',
      'params',
      '.',
      '[',
      ']',
      "'",
      '(',
      ')',
      'fromJSON',
      'result',
      ' ',
      '0',
      'é',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        for (const { found } of referencesIn([pieces.join('')], [])) assert.ok(found)
      }),
    )
  })

  it('without references come out as they went in, and escaped ones as they were meant', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const plain = text.replaceAll('${{', '')
        assert.equal(resolve(plain, scope), plain)
        assert.equal(resolve(`$\${{${plain}`, scope), `\${{${plain}`)
      }),
    )
  })

  it('may hold any key in quotes', () => {
    fc.assert(
      fc.property(
        fc.string().filter((key) => !key.includes("'") && key !== '__proto__'),
        (key) => {
          assert.equal(resolve(ref(`params['${key}']`), { ...scope, params: { [key]: 'here' } }), 'here')
        },
      ),
    )
  })
})
