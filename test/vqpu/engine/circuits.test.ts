/** Our example circuits, and the reference circuits where they are at hand. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assertSampledFrom } from './distribution.ts'
import { runInThread } from './in-thread.ts'

const SHOTS = 20_000
const OWN = fileURLToPath(new URL('../../../scripts/flows/circuits/', import.meta.url))
const REFERENCE = fileURLToPath(new URL('../../../../shared/data/circuits/', import.meta.url))

const evenly = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, 1 / keys.length]))
const EXPECTED: Record<string, Record<string, number>> = {
  bell: evenly('00', '11'),
  ghz5: evenly('00000', '11111'),
  teleportation: Object.fromEntries(
    ['0 0', '0 1', '1 0', '1 1'].flatMap((key) => [
      [`0 ${key}`, 3 / 16],
      [`1 ${key}`, 1 / 16],
    ]),
  ),
  qft4: evenly('0000', '0100', '1000', '1100'),
  grover2: { 11: 1 },
  grover3: Object.fromEntries(
    ['000', '001', '010', '011', '100', '101', '110', '111'].map((key) => [
      key,
      key === '101' ? 121 / 128 : 1 / 128,
    ]),
  ),
  wstate3: evenly('001', '010', '100'),
  'phase-estimation': { 101: 1 },
  adder: { 1011: 1 },
}

test('every example circuit has an expectation', () => {
  const files = readdirSync(OWN).filter((file) => file.endsWith('.qasm'))
  assert.deepEqual(
    files.sort(),
    Object.keys(EXPECTED)
      .map((name) => `${name}.qasm`)
      .sort(),
  )
})

for (const [name, probabilities] of Object.entries(EXPECTED)) {
  test(`${name} gives the outcomes that its comment promises`, () => {
    assertSampledFrom(
      runInThread(readFileSync(`${OWN}${name}.qasm`, 'utf8'), { shots: SHOTS }),
      new Map(Object.entries(probabilities)),
    )
  })
}

test('the reference circuits agree with their exact distributions', {
  skip: existsSync(REFERENCE) ? false : `${REFERENCE} is not here`,
}, () => {
  let compared = 0
  for (const file of readdirSync(REFERENCE).filter((name) => name.endsWith('.qasm'))) {
    const source = readFileSync(REFERENCE + file, 'utf8')
    if (/OPENQASM\s+3/.test(source)) continue // not read yet
    const { probs } = JSON.parse(readFileSync(REFERENCE + file.replace('.qasm', '.json'), 'utf8')) as {
      probs: Record<string, number>
    }
    const counts = Object.fromEntries(
      Object.entries(runInThread(source, { shots: SHOTS })).map(([key, count]) => [
        key.replaceAll(' ', ''),
        count,
      ]),
    )
    assertSampledFrom(counts, new Map(Object.entries(probs)), file)
    compared++
  }
  assert.ok(compared > 0, 'no reference circuit was compared')
})
