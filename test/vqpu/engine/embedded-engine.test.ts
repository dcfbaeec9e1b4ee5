import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CircuitError } from '#shared/circuit/index.ts'
import { createEngine, type Engine } from '../../../services/vqpu/engine/engine.ts'

const H = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
const GHZ = `${H}qreg q[5]; creg c[5]; h q[0]; cx q[0],q[1]; cx q[1],q[2]; cx q[2],q[3]; cx q[3],q[4]; measure q -> c;`

let engine: Engine
before(async () => {
  engine = await createEngine('embedded', { threads: 2, memoryBytes: 2 ** 30 })
})
after(() => engine[Symbol.asyncDispose]())

test('a result says what was run, how, and where', async () => {
  const result = await engine.run({ id: 'a', source: GHZ, shots: 1000, seed: 5 })
  const { counts, seconds, ...rest } = result
  assert.deepEqual(Object.keys(counts).sort(), ['00000', '11111'])
  assert.ok(seconds > 0)
  const { version } = engine.describe()
  assert.deepEqual(rest, {
    shots: 1000,
    seed: 5,
    method: 'statevector',
    qubits: 5,
    clbits: 5,
    depth: 6,
    gates: 5,
    engine: 'embedded',
    version,
  })
})

test('a seed gives the same counts in whichever thread; without one a seed is made up and told', async () => {
  const run = (seed?: number) => engine.run({ id: 'a', source: GHZ, shots: 1000, seed })
  const same = await Promise.all(Array.from({ length: 8 }, () => run(11)))
  for (const { counts } of same) assert.deepEqual(counts, same[0]!.counts)
  const free = await run()
  assert.deepEqual((await run(free.seed)).counts, free.counts)
  assert.notEqual((await run()).seed, free.seed)
})

test('hundreds of circuits in flight each get their own answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, value) => {
      const set = Array.from({ length: 9 }, (_, bit) => ((value >> bit) & 1 ? `x q[${bit}];` : '')).join('')
      return engine.run({
        id: `${value}`,
        source: `${H}qreg q[9]; creg c[9]; ${set} measure q -> c;`,
        shots: 1,
      })
    }),
  )
  assert.deepEqual(
    answers.map(({ counts }) => Number.parseInt(Object.keys(counts)[0]!, 2)),
    Array.from({ length: 300 }, (_, value) => value),
  )
})

test('an error in the source crosses the thread with its class, code and place', async () => {
  await assert.rejects(
    engine.run({ id: 'a', source: `${H}qreg q[1];\n hh q[0];`, shots: 1, file: 'mine.qasm' }),
    (error) => {
      assert.ok(error instanceof CircuitError)
      assert.deepEqual(
        [error.code, error.line, error.column, error.file],
        ['CIRCUIT_UNKNOWN_GATE', 4, 2, 'mine.qasm'],
      )
      assert.match(error.message, /^mine\.qasm:4:2: unknown gate 'hh'/)
      return true
    },
  )
})

test('too many qubits are refused with the bytes needed and available', async () => {
  assert.equal(engine.describe().maxQubits, 26)
  const wide = `${H}qreg q[27]; creg c[1]; h q; cx q[0],q[26]; measure q[0] -> c[0];`
  const all = `${wide} ${Array.from({ length: 26 }, (_, bit) => `cx q[${bit}],q[${bit + 1}];`).join('')} measure q[26] -> c[0];`
  await assert.rejects(engine.run({ id: 'a', source: all, shots: 1 }), {
    code: 'CIRCUIT_UNSUPPORTED',
    facts: { qubits: 27, maxQubits: 26, neededBytes: 2 ** 31, availableBytes: 2 ** 30 },
  })
})

test('a long simulation is cancelled while others go on', async () => {
  const layer = `h q; ${Array.from({ length: 22 }, (_, bit) => `cx q[${bit}],q[${bit + 1}];`).join(' ')}`
  const abort = new AbortController()
  const long = engine.run(
    { id: 'long', source: `${H}qreg q[23]; creg c[23]; ${layer.repeat(200)} measure q -> c;`, shots: 1 },
    abort.signal,
  )
  const rejected = assert.rejects(long, { code: 'CANCELLED' })
  const { counts } = await engine.run({ id: 'short', source: GHZ, shots: 10 })
  assert.equal((counts['00000'] ?? 0) + (counts['11111'] ?? 0), 10)
  abort.abort()
  await rejected
  // Enough to need the thread that was cancelled.
  await Promise.all(Array.from({ length: 10 }, () => engine.run({ id: 'after', source: GHZ, shots: 10 })))
})

test('the event loop of the host is free while circuits run', async () => {
  const layer = `h q; ${Array.from({ length: 18 }, (_, bit) => `cx q[${bit}],q[${bit + 1}];`).join(' ')}`
  const running = engine.run({
    id: 'busy',
    source: `${H}qreg q[19]; creg c[19]; ${layer.repeat(4)} measure q -> c;`,
    shots: 1,
  })
  let turns = 0
  let done = false
  const finished = running.finally(() => {
    done = true
  })
  while (!done) {
    turns++
    await new Promise(setImmediate)
  }
  await finished
  assert.ok(turns > 100, `${turns} turns`)
})

test('bad options say what to write instead', async () => {
  const run = (change: object) => engine.run({ id: 'a', source: GHZ, shots: 10, ...change })
  for (const change of [
    { shots: 0 },
    { shots: 1.5 },
    { shots: 1e12 },
    { seed: 0.5 },
    { method: 'stabilizer' },
  ]) {
    await assert.rejects(run(change), {
      code: 'INVALID_OPTION',
      message: /write an integer|knows statevector/,
    })
  }
  assert.equal((await run({ method: 'automatic' })).method, 'statevector')
})

test('an unknown engine is refused with the names of those known', async () => {
  await assert.rejects(createEngine('quantum-magic'), {
    code: 'INVALID_OPTION',
    message: /known are embedded/,
  })
  await assert.rejects(createEngine('toString'), { code: 'INVALID_OPTION' })
})
