import assert from 'node:assert/strict'
import { test } from 'node:test'
import { taskPools } from '../../shared/cluster/cluster.ts'
import { checkCluster, loadCluster } from '../../shared/cluster/load-cluster.ts'
import type { QubusError } from '../../shared/contract/errors.ts'

const REST =
  'w: {starts: worker, serves: [generic, cpu, gpu]}\nvqpu: {starts: vqpu}\ncircuit: {starts: submitter}\n'

function problemsOf(text: string): string[] {
  return checkCluster('site.yaml', text, 4).problems.map(
    ({ path, line, message }) => `${line} ${path}: ${message}`,
  )
}

test('the default is one worker for every task pool, with a slot a core, and up to two vQPUs', () => {
  const cluster = loadCluster()
  assert.deepEqual(taskPools(cluster), ['generic', 'cpu', 'gpu'])
  const { slots, cores, minimumJobs, maximumJobs } = cluster.pools.get('workers') ?? assert.fail('no workers')
  assert.deepEqual({ minimumJobs, maximumJobs }, { minimumJobs: 1, maximumJobs: 1 })
  assert.equal(slots, cores)
  const vqpu = cluster.pools.get('vqpu') ?? assert.fail('no vqpu')
  assert.deepEqual(vqpu.starts, { kind: 'vqpu', engine: 'embedded' })
  assert.deepEqual([vqpu.minimumJobs, vqpu.maximumJobs, vqpu.idleHoldSeconds], [0, 2, 60])
  assert.deepEqual(cluster.pools.get('circuit')?.starts, { kind: 'submitter' })
})

test('values are read as they are meant: auto, sizes, keys without a value', () => {
  const { cluster, problems } = checkCluster(
    'site.yaml',
    `${REST}big:\n  starts: worker\n  cores: auto\n  memory: 1.5 GiB\n  engine:\n  walltime_seconds: 60\n`,
    4,
  )
  assert.deepEqual(problems, [])
  const { cores, slots, memoryBytes, starts, walltimeSeconds } = cluster?.pools.get('big') ?? assert.fail()
  assert.deepEqual(
    { cores, slots, memoryBytes, starts, walltimeSeconds },
    {
      cores: 4,
      slots: 4,
      memoryBytes: 1_610_612_736,
      starts: { kind: 'worker', serves: ['big'] },
      walltimeSeconds: 60,
    },
  )
})

const WRONG: [string, RegExp][] = [
  [`${REST}a:\n  starts: worker\n  cores: many\n`, /^6 a\.cores: found "many": write a number of cores/],
  [`${REST}a:\n  starts: robot\n`, /^5 a\.starts: found "robot": write worker, vqpu or submitter/],
  [`${REST}a:\n  cores: 1\n`, /^4 a\.starts: found nothing: write worker, vqpu or submitter/],
  [`${REST}a:\n  starts: worker\n  colour: red\n`, /^6 a\.colour: this key is not known; known are starts, /],
  [`${REST}a:\n  starts: vqpu\n  serves: [cpu]\n`, /^6 a\.serves: only a worker serves/],
  [`${REST}a:\n  starts: worker\n  engine: x\n`, /^6 a\.engine: only a vqpu has an engine/],
  [
    `${REST}a:\n  starts: worker\n  minimum_jobs: 3\n`,
    /^6 a\.minimum_jobs: found 3, more than maximum_jobs \(1\)/,
  ],
  [`${REST}a:\n  starts: worker\n  memory: lots\n`, /^6 a\.memory: found "lots": write a size/],
  [`${REST}a:\n  starts: worker\n  serves: [a, "b c"]\n`, /^6 a\.serves\.1: found "b c": use letters/],
  [`${REST}cpu:\n  starts: worker\n`, /^4 cpu: cpu is served by w already/],
  [`${REST}"a b":\n  starts: worker\n`, /^4 a b: a pool's name has letters/],
  [`${REST}a: 3\n`, /^4 a: found 3: write keys such as starts/],
  [
    'w: {starts: worker, serves: [cpu, generic]}\n',
    /^1 : found pools cpu, generic; missing are gpu, vqpu, circuit/,
  ],
  ['a: [\n', /^2 : this is not YAML/],
  ['- a\n', /^1 : found \["a"\]: write pools by name/],
  ['', /^1 : found null: write pools by name/],
]

for (const [text, wanted] of WRONG) {
  test(`a bad file says where and what to write: ${wanted.source}`, () => {
    const problems = problemsOf(text)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', wanted)
  })
}

test('every problem is told, not only the first', () => {
  assert.equal(problemsOf(`${REST}a:\n  starts: worker\n  cores: 0\n  slots: none\nb: {}\n`).length, 3)
})

test('a file that is not there is bad input', () => {
  assert.throws(
    () => loadCluster('/nowhere/site.yaml'),
    (error: QubusError) => error.code === 'INVALID_OPTION' && /nowhere/.test(error.message),
  )
})

test('a worker’s GPUs are all there are unless the file says how many; others have none to hand out', () => {
  const { cluster, problems } = checkCluster(
    'site.yaml',
    `${REST}two: {starts: worker, gpus: 2}\nauto: {starts: worker, gpus: auto}\nnone: {starts: worker, gpus: 0}\n`,
    4,
  )
  assert.deepEqual(problems, [])
  const gpus = ['w', 'two', 'auto', 'none'].map((name) => cluster?.pools.get(name)?.gpus)
  assert.deepEqual(gpus, ['auto', 2, 'auto', 0])
  const [wrong, foreign] = problemsOf(
    `${REST}bad: {starts: worker, gpus: many}\nq: {starts: vqpu, gpus: 1}\n`,
  )
  assert.match(wrong ?? '', /^4 bad\.gpus: .*write a number of GPUs, or auto/)
  assert.match(foreign ?? '', /^5 q\.gpus: only a worker hands GPUs to tasks/)
})
