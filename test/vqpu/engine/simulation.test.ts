import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCircuit } from '#shared/circuit/index.ts'
import { mergePhases } from '../../../services/vqpu/engine/embedded/compile/merge-phases.ts'
import { exactDistribution } from '../../circuit/plain-simulator.ts'
import { assertSampledFrom } from './distribution.ts'
import { fusedDistribution, runInThread } from './in-thread.ts'
import { dynamicCircuit, staticCircuit } from './random-circuit.ts'

const H = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'

test('a fused circuit has exactly the distribution of the same gates one by one', () => {
  fc.assert(
    fc.property(staticCircuit, (source) => {
      const fused = fusedDistribution(source)
      const plain = exactDistribution(parseCircuit(source))
      for (const key of new Set([...fused.keys(), ...plain.keys()])) {
        const difference = Math.abs((fused.get(key) ?? 0) - (plain.get(key) ?? 0))
        assert.ok(difference < 1e-10, `${key}: ${fused.get(key)} instead of ${plain.get(key)}`)
      }
    }),
    { numRuns: 1500 },
  )
})

test('a gate that goes back into a block does not draw the gates of the other wire, which went on, with it', () => {
  const source = `${H}qreg q[4];\ncreg c[4];\ncz q[3],q[1];\nh q[1];\ncx q[0],q[1];\nh q[1];\ny q[3];\nmeasure q -> c;\n`
  assert.ok(Math.abs((fusedDistribution(source).get('1000') ?? 0) - 1) < 1e-10)
})

test('a phase that is taken out of a block comes before it, since the block may still grow', () => {
  const source = `${H}qreg q[3];\ncreg c[3];\nx q[0];\nccx q[0],q[1],q[2];\ncu(0,pi,pi,pi) q[0],q[2];\nrccx q[1],q[2],q[0];\nmeasure q -> c;\n`
  assert.ok(Math.abs((fusedDistribution(source).get('001') ?? 0) - 1) < 1e-10)
})

// The seed is fixed: counts are a sample, and one in many thousands would miss the bound by chance.
test('a dynamic circuit gives a sample of its exact distribution', () => {
  let branching = 0
  fc.assert(
    fc.property(dynamicCircuit, (source) => {
      const circuit = parseCircuit(source)
      if (circuit.dynamic) branching++
      assertSampledFrom(runInThread(source, { shots: 4000 }), exactDistribution(circuit))
    }),
    { numRuns: 500, seed: 20261123 },
  )
  assert.ok(branching > 200, `${branching} were dynamic`)
})

test('without memory for waiting branches the counts are the same', () => {
  fc.assert(
    fc.property(dynamicCircuit, (source) => {
      assert.deepEqual(
        runInThread(source, { shots: 300, branchBytes: 0 }),
        runInThread(source, { shots: 300 }),
      )
    }),
    { numRuns: 200 },
  )
})

test('a thousand shots of a teleportation take a few state evolutions, not a thousand', () => {
  const source = `${H}qreg q[3]; creg a[1]; creg b[1]; creg r[1];
    ry(1) q[0]; h q[1]; cx q[1],q[2]; cx q[0],q[1]; h q[0]; measure q[0] -> a[0]; measure q[1] -> b[0];
    if(b==1) x q[2]; if(a==1) z q[2]; measure q[2] -> r[0];`
  let steps = 0
  runInThread(source, { shots: 1000, onStep: () => steps++ })
  assert.ok(steps > 5 && steps < 60, `${steps} steps`)
})

test('more measurements than branches could be held cost time, not memory', () => {
  const rounds = Array.from(
    { length: 40 },
    (_, bit) => `h q[0]; measure q[0] -> c[${bit}]; reset q[0];`,
  ).join('\n')
  const counts = runInThread(`${H}qreg q[1]; creg c[40];\n${rounds}`, { shots: 500 })
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count),
    500,
  )
  assert.ok(Object.keys(counts).length > 490, 'forty coins hardly ever fall alike')
})

test('the same seed gives the same counts, another seed others', () => {
  const source = `${H}qreg q[4]; creg c[4]; h q; measure q -> c;`
  assert.deepEqual(
    runInThread(source, { shots: 5000, seed: 7 }),
    runInThread(source, { shots: 5000, seed: 7 }),
  )
  assert.notDeepEqual(
    runInThread(source, { shots: 5000, seed: 7 }),
    runInThread(source, { shots: 5000, seed: 8 }),
  )
  assert.notDeepEqual(
    runInThread(source, { shots: 5000, seed: 7 }),
    runInThread(source, { shots: 5000, seed: 7 + 2 ** 32 }),
    'the high half of a seed counts',
  )
})

test('more shots than one round draws are all there and fairly spread', () => {
  const shots = 2 ** 20 * 2 + 3
  const counts = runInThread(`${H}qreg q[2]; creg c[2]; ry(2*pi/3) q[0]; measure q -> c;`, { shots })
  assert.equal((counts['00'] ?? 0) + (counts['01'] ?? 0), shots)
  assert.ok(Math.abs((counts['01'] ?? 0) / shots - 0.75) < 0.002)
})

test('a classical bit shows the last measurement into it', () => {
  assert.deepEqual(
    runInThread(`${H}qreg q[2]; creg c[1]; x q[1]; measure q[1] -> c[0]; measure q[0] -> c[0];`, {
      shots: 5,
    }),
    { 0: 5 },
  )
  assert.deepEqual(
    runInThread(`${H}qreg q[2]; creg c[1]; x q[1]; measure q[0] -> c[0]; measure q[1] -> c[0]; x q[0];`, {
      shots: 5,
    }),
    { 1: 5 },
  )
})

test('a condition reads its register with bit 0 as the lowest, and one that can not be met never holds', () => {
  const counts = (value: number) =>
    runInThread(
      `${H}qreg q[3]; creg c[2]; creg d[1]; x q[0]; measure q[0] -> c[0]; if(c==${value}) x q[2]; measure q[2] -> d[0];`,
      { shots: 3 },
    )
  assert.deepEqual(counts(1), { '1 01': 3 })
  assert.deepEqual(counts(2), { '0 01': 3 })
  assert.deepEqual(counts(5), { '0 01': 3 }, '5 does not fit two bits')
})

test('a circuit without classical bits has the empty outcome', () => {
  assert.deepEqual(runInThread(`${H}qreg q[2]; h q;`, { shots: 9 }), { '': 9 })
})

test('qubits that nothing happens to cost nothing', () => {
  const counts = runInThread(`${H}qreg q[1000]; creg c[1000]; x q[999]; measure q -> c;`, { shots: 2 })
  assert.deepEqual(counts, { [`1${'0'.repeat(999)}`]: 2 })
})

test('phases on the same qubits in one run become one factor, and none where they cancel', () => {
  const phase = (mask: number, angle: number) => ({
    kind: 'phase' as const,
    mask,
    re: Math.cos(angle),
    im: Math.sin(angle),
  })
  const merged = mergePhases([
    phase(3, 0.4),
    phase(6, 0.1),
    phase(3, 0.3),
    phase(3, 0.2),
    phase(5, 1),
    phase(5, -1),
  ])
  assert.deepEqual(
    merged.map((step) => step.kind === 'phase' && [step.mask, Math.atan2(step.im, step.re).toFixed(12)]),
    [
      [3, '0.900000000000'],
      [6, '0.100000000000'],
    ],
  )
  const exchange = { kind: 'exchange' as const, controls: 0, from: 0, to: 1 }
  const kept = mergePhases([phase(3, 0.4), exchange, phase(3, 0.4)])
  assert.deepEqual(
    kept.map(({ kind }) => kind),
    ['phase', 'exchange', 'phase'],
  )
})
