/** How fast the embedded engine is. Figures are medians after warm-up; CPU seconds are of the one thread that simulates. */
import { pathToFileURL } from 'node:url'
import { Simulator } from '../services/vqpu/engine/embedded/simulate.ts'
import { warmUp } from '../services/vqpu/engine/embedded/warm-up.ts'
import { createEngine } from '../services/vqpu/engine/engine.ts'

export type Figure = { bench: string; value: number; unit: string }

const GHZ5 = `OPENQASM 2.0;
include "qelib1.inc";
qreg q[5];
creg c[5];
h q[0];
cx q[0],q[1];
cx q[1],q[2];
cx q[2],q[3];
cx q[3],q[4];
measure q -> c;
`

export async function benchEngine(): Promise<Figure[]> {
  const simulator = new Simulator({
    reserve: () => ({ [Symbol.dispose]: () => {} }),
    checkCancelled: () => {},
  })
  warmUp(simulator)
  const inside = (source: string) => () => void simulator.run({ id: 'bench', source, shots: 1000 })
  const figures: Figure[] = [
    { bench: 'engine ghz5 x 1000 inside', value: median(1000, wallMs(inside(GHZ5))), unit: 'ms' },
    { bench: 'engine rand n=16 cpu', value: median(15, cpuMs(inside(randomCircuit(16)))), unit: 'ms' },
    { bench: 'engine rand n=20 cpu', value: median(5, cpuMs(inside(randomCircuit(20)))) / 1000, unit: 's' },
  ]
  return [...figures, { bench: 'engine ghz5 x 1000 round trip', value: await roundTripMs(), unit: 'ms' }]
}

/** 20 layers of a random rotation on each qubit and cx between random pairs, all measured. */
function randomCircuit(qubits: number): string {
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const angle = () => (random() * 2 * Math.PI).toFixed(12)
  const lines = ['OPENQASM 2.0;', 'include "qelib1.inc";', `qreg q[${qubits}];`, `creg c[${qubits}];`]
  for (let layer = 0; layer < 20; layer++) {
    for (let qubit = 0; qubit < qubits; qubit++)
      lines.push(`u3(${angle()},${angle()},${angle()}) q[${qubit}];`)
    const order = Array.from({ length: qubits }, (_, qubit) => ({ qubit, key: random() }))
    order.sort((a, b) => a.key - b.key)
    for (let at = 0; at + 1 < qubits; at += 2)
      lines.push(`cx q[${order[at].qubit}],q[${order[at + 1].qubit}];`)
  }
  return [...lines, 'measure q -> c;', ''].join('\n')
}

async function roundTripMs(): Promise<number> {
  await using engine = await createEngine('embedded', { threads: 1 })
  const times: number[] = []
  for (let round = 0; round < 1200; round++) {
    const began = performance.now()
    await engine.run({ id: 'bench', source: GHZ5, shots: 1000 })
    if (round >= 200) times.push(performance.now() - began)
  }
  return middle(times)
}

function wallMs(work: () => void): () => number {
  return () => {
    const began = performance.now()
    work()
    return performance.now() - began
  }
}

function cpuMs(work: () => void): () => number {
  return () => {
    const began = process.threadCpuUsage()
    work()
    const { user, system } = process.threadCpuUsage(began)
    return (user + system) / 1000
  }
}

/** Of `rounds`, after two that don't count. */
function median(rounds: number, measure: () => number): number {
  measure()
  measure()
  return middle(Array.from({ length: rounds }, measure))
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const figure of await benchEngine()) console.log(JSON.stringify(figure))
}
