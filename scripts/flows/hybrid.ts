/**
 * A hybrid flow: two virtual QPUs are launched while CPU tasks prepare parameters; circuits run on both; their counts
 * are post-processed in tasks, and a histogram is left as an artifact.
 *
 *   scripts/qubus run scripts/flows/hybrid.ts -p shots=1000
 */
import { artifact, circuit, flow, launchVqpu, log, program, task } from 'qubus'
import { z } from 'zod'
import adder from './circuits/adder.qasm'
import bell from './circuits/bell.qasm'
import ghz from './circuits/ghz5.qasm'
import grover from './circuits/grover3.qasm'
import phase from './circuits/phase-estimation.qasm'
import qft from './circuits/qft4.qasm'
import teleportation from './circuits/teleportation.qasm'
import wState from './circuits/wstate3.qasm'
import { histogramSvg } from './histogram-svg.ts'

type Counts = Record<string, number>

/** Angles of a rotation, chosen on a CPU node. */
const prepareAngles = task(
  'prepare angles',
  (count: number) => Array.from({ length: count }, (_, i) => (Math.PI * i) / (count - 1)),
  { pool: 'cpu' },
)

/** One qubit turned by `theta`: the share of ones is sin²(theta / 2). */
const rotation = (theta: number): string => `OPENQASM 2.0;
include "qelib1.inc";
qreg q[1];
creg c[1];
ry(${theta}) q[0];
measure q[0] -> c[0];
`

/** What the counts say: the most frequent outcome, and the Shannon entropy in bits. Counts: rightmost = classical bit 0. */
const analyse = task('analyse', (counts: Counts) => {
  const shots = Object.values(counts).reduce((sum, each) => sum + each, 0)
  const entropy = Object.values(counts).reduce(
    (sum, each) => sum - (each / shots) * Math.log2(each / shots),
    0,
  )
  const [top = ''] = Object.entries(counts).sort(([, a], [, b]) => b - a)[0] ?? []
  return { top, share: (counts[top] ?? 0) / shots, entropy: Math.round(entropy * 1000) / 1000 }
})

const drawHistogram = task('draw histogram', (title: string, counts: Counts) => {
  return artifact.image(`histogram ${title}`, histogramSvg(title, counts))
})

const input = z.object({
  shots: z.number().int().min(1).max(1_000_000).default(1000),
  angles: z.number().int().min(2).max(100).default(5),
})

export default flow('hybrid', { input, runName: 'hybrid-{shots}' }, async ({ shots, angles }) => {
  // Nothing waits for the vQPUs before it needs them.
  const launches = [
    launchVqpu({ id: 1, walltimeSeconds: 3600 }),
    launchVqpu({ id: 2, walltimeSeconds: 3600 }),
  ]
  const preparing = prepareAngles.submit(angles)
  const host = program('uname', ['-sr'], { pool: 'cpu' })
  const [first, second] = await Promise.all(launches)
  if (!first || !second) throw new Error('two vQPUs were launched')
  log.info('vQPUs are ready', { first: first.id, second: second.id })

  const named = { bell, ghz, teleportation, qft, grover, wState, phase, adder }
  const runs = Object.entries(named).map(async ([name, source], i) => {
    const device = i % 2 === 0 ? first : second
    const result = await circuit(source, { shots, seed: 7, name }).run({ device, retries: 2 })
    return {
      name,
      device: result.device,
      method: result.method,
      ms: result.seconds * 1000,
      counts: result.counts,
      ...(await analyse.run(result.counts)),
    }
  })

  const sweep = (await preparing).map(async (theta, i) => {
    const device = i % 2 === 0 ? first : second
    const { counts } = await circuit(rotation(theta), {
      shots,
      seed: i,
      name: `ry(${theta.toFixed(3)})`,
    }).run({ device })
    return { theta, measured: (counts['1'] ?? 0) / shots, expected: Math.sin(theta / 2) ** 2 }
  })

  const [circuits, rotations] = await Promise.all([Promise.all(runs), Promise.all(sweep)])
  const ghzRun = circuits.find(({ name }) => name === 'ghz')
  if (ghzRun) await drawHistogram.run('ghz', ghzRun.counts)
  await artifact.table(
    'circuits',
    circuits.map(({ counts: _counts, ...row }) => row),
  )
  await Promise.all([first.drain(), second.drain()])
  return { host: (await host).stdout.trim(), circuits, rotations }
})
