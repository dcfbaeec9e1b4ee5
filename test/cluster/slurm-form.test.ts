/** Files as users of dask-jobqueue and QBitBridge have them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Pool } from '../../shared/cluster/cluster.ts'
import { checkCluster, loadCluster } from '../../shared/cluster/load-cluster.ts'

const CLASS = 'cluster_class: dask_jobqueue.SLURMCluster'
/** All that must be there but `cpu`, which the tests write. */
const REST = ['generic', 'gpu', 'vqpu', 'circuit']
  .map(
    (name) =>
      `${name}: {${CLASS}, cluster_kwargs: {cores: 1, job_extra_directives: ["-G 1"]}, adapt_kwargs: {maximum_jobs: 1}}\n`,
  )
  .join('')

function check(text: string) {
  const { cluster, problems, warnings } = checkCluster('site.yaml', text, 4)
  const told = (each: typeof problems) => each.map(({ path, line, message }) => `${line} ${path}: ${message}`)
  return { pools: cluster?.pools, problems: told(problems), warnings: told(warnings) }
}

/** The pool of a file whose `cpu` has these keys, which must have no problem. */
function cpu(kwargs: string, adapt = 'maximum_jobs: 1', qubus = ''): Pool {
  const { pools, problems } = check(
    `${REST}cpu: {${CLASS}, cluster_kwargs: {${kwargs}}, adapt_kwargs: {${adapt}}, qubus: {${qubus}}}\n`,
  )
  assert.deepEqual(problems, [])
  return pools?.get('cpu') ?? assert.fail('no cpu')
}

test("a QBitBridge user's file works as it is", () => {
  const file = fileURLToPath(new URL('../fixtures/cluster/qbitbridge.yaml', import.meta.url))
  const { pools, problems, warnings } = check(readFileSync(file, 'utf8'))
  assert.deepEqual(problems, [])
  const starts = [...(pools?.values() ?? [])].map(({ name, starts: { kind }, scheduler }) => [
    name,
    kind,
    scheduler,
  ])
  assert.deepEqual(starts, [
    ['generic', 'worker', 'slurm'],
    ['generic-aws', 'worker', 'slurm'],
    ['vqpu', 'vqpu', 'slurm'],
    ['circuit', 'submitter', 'slurm'],
    ['circuit-braket', 'submitter', 'slurm'],
    ['cpu', 'worker', 'slurm'],
    ['gpu', 'worker', 'slurm'],
    ['highmem', 'worker', 'slurm'],
  ])
  const gpu = pools?.get('gpu') ?? assert.fail('no gpu')
  assert.deepEqual(gpu, {
    name: 'gpu',
    starts: { kind: 'worker', serves: ['gpu'] },
    scheduler: 'slurm',
    slurm: {
      partition: 'gpu-highmem',
      account: '0042',
      jobCpu: 128,
      jobMemory: '230G',
      directives: ['--gres=gpu:8', '--exclusive'],
      skippedDirectives: ['-n 1'],
      prologue: ['module load "rocm/6"', "export WHERE='a b'  # über $HOME", 'true'],
      shebang: '#!/bin/bash -l',
      logDirectory: '/scratch/logs',
      localDirectory: '/tmp',
    },
    cores: 64,
    slots: 64,
    memoryBytes: 220_000_000_000,
    gpus: 8,
    minimumJobs: 0,
    maximumJobs: 16,
    loadPerJob: 64,
    idleHoldSeconds: 60,
    walltimeSeconds: 86_400,
  })
  assert.deepEqual(pools?.get('circuit-braket')?.slurm?.prologue, [
    'export AWS_PROFILE=me',
    '. ~/env/bin/activate',
  ])
  assert.deepEqual(pools?.get('highmem')?.starts, { kind: 'worker', serves: ['highmem'] })
  // What is not used is told once, where it stands; a key without a value says nothing.
  assert.deepEqual(warnings, [
    '11 generic.cluster_kwargs.name: not used: jobs get names by which they are found again',
    '24 generic.adapt_kwargs.target_duration: not used: load_per_job under qubus says how much one job takes',
    '37 vqpu.cluster_kwargs.death_timeout: not used: a job without its broker asks again until its walltime',
    '60 cpu.cluster_kwargs.python: not used: jobs run the Node.js that Qubus has with it',
    '70 gpu.cluster_kwargs.interface: not used: jobs reach the broker at the address that its credentials name',
    '70 highmem.cluster_kwargs.interface: not used: jobs reach the broker at the address that its credentials name',
    '83 highmem.adapt_kwargs: it says no maximum_jobs: there is 1 job at most; write adapt_kwargs with maximum_jobs',
    '88 here.cluster_class: found "distributed.LocalCluster", which is not for Slurm: left out',
    '92 version: this is no configuration, it has neither cluster_class nor starts: left out',
  ])
})

test('a file with one unnamed configuration serves all task pools, and says what is missing', () => {
  const { pools, problems, warnings } = check(
    `# mine\n${CLASS}\ncluster_kwargs:\n  cores: 8\n  queue: work\n  job_extra_directives: ["--gres=gpu:1"]\nadapt_kwargs: {maximum: 3}\n`,
  )
  assert.deepEqual(problems, [])
  const pool = pools?.get('workers') ?? assert.fail('no workers')
  assert.deepEqual(pool.starts, { kind: 'worker', serves: ['generic', 'cpu', 'gpu'] })
  assert.deepEqual([pool.maximumJobs, pool.slurm?.partition, pool.gpus], [3, 'work', 1])
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /^1 : .*missing are vqpu, circuit/)
})

test('configurations beside an unnamed one take over what they are named for', () => {
  const { pools, problems, warnings } = check(
    `${CLASS}\ncluster_kwargs: {cores: 8, job_extra_directives: ["-G1"]}\nadapt_kwargs: {maximum: 3}\ncpu: {starts: worker}\nvqpu: {starts: vqpu}\ncircuit: {starts: submitter}\n`,
  )
  assert.deepEqual([problems, warnings], [[], []])
  assert.deepEqual(pools?.get('workers')?.starts, { kind: 'worker', serves: ['generic', 'gpu'] })
  assert.equal(pools?.get('cpu')?.scheduler, 'local')
})

test('older names of keys hold where the newer ones have no value', () => {
  const old = cpu(
    'cores: 1, project: p1, env_extra: [a, b], job_extra: ["--qos=x"], header_skip: [--mem], queue: null',
  )
  const { account, prologue, directives, skippedDirectives, partition } = old.slurm ?? assert.fail()
  assert.deepEqual(
    { account, prologue, directives, skippedDirectives, partition },
    {
      account: 'p1',
      prologue: ['a', 'b'],
      directives: ['--qos=x'],
      skippedDirectives: ['--mem'],
      partition: undefined,
    },
  )
  const both = cpu(
    'cores: 1, project: p1, account: p2, env_extra: [a], job_script_prologue: [b], job_extra: [], job_extra_directives: null',
  )
  assert.deepEqual([both.slurm?.account, both.slurm?.prologue, both.slurm?.directives], ['p2', ['b'], []])
})

test('values are read as they were meant: numbers where text is meant, and text for numbers', () => {
  const pool = cpu(
    'cores: "16", memory: 4000000000, account: 0123, walltime: 90, job_mem: 8000, queue: 7, processes: "2"',
  )
  assert.deepEqual(
    [pool.cores, pool.memoryBytes, pool.slurm?.account, pool.walltimeSeconds, pool.slurm?.jobMemory],
    [16, 4e9, '0123', 5400, '8000'],
  )
  assert.equal(pool.slurm?.partition, '7')
  // An older YAML reads this as 86400, which Slurm would take for minutes.
  const { pools } = check(
    `%YAML 1.1\n---\n${REST}cpu: {${CLASS}, cluster_kwargs: {cores: 1, walltime: 24:00:00}}\n`,
  )
  assert.equal(pools?.get('cpu')?.walltimeSeconds, 86_400)
})

test('memory is read as dask means it, and what Slurm is given is written as Slurm takes it', () => {
  for (const [written, bytes] of [
    ['4GB', 4e9],
    ['220 GB', 220e9],
    ['4GiB', 2 ** 32],
    ['512MB', 512e6],
  ] as const)
    assert.equal(cpu(`cores: 1, memory: "${written}"`).memoryBytes, bytes)
  for (const [written, asked] of [
    ['230G', '230G'],
    ['230 GB', '230G'],
    ['4GiB', '4G'],
    ['1.5G', '1536M'],
    ['0', '0'],
  ])
    assert.equal(cpu(`cores: 1, job_mem: "${written}"`).slurm?.jobMemory, asked)
})

test('how many jobs: by jobs or by processes, none to one where nothing is said', () => {
  const jobs = (adapt: string, kwargs = 'cores: 1') => {
    const { minimumJobs, maximumJobs } = cpu(kwargs, adapt)
    return [minimumJobs, maximumJobs]
  }
  assert.deepEqual(jobs('minimum_jobs: 2, maximum_jobs: 5'), [2, 5])
  assert.deepEqual(jobs('minimum: null, maximum: 5'), [0, 5])
  assert.deepEqual(jobs('minimum: 1, maximum: 9', 'cores: 8, processes: 2'), [1, 5])
  assert.deepEqual(jobs(''), [0, 1])
  assert.deepEqual(jobs('minimum: 3'), [3, 3])
})

test('an idle job is kept for a minute at least, for longer where the file says so, for less only by our own key', () => {
  const hold = (adapt: string, qubus = '') => cpu('cores: 1', `maximum: 1, ${adapt}`, qubus).idleHoldSeconds
  assert.equal(hold('interval: 1s, wait_count: 1'), 60)
  assert.equal(hold('interval: 2 min, wait_count: 3'), 360)
  assert.equal(hold('interval: 30, wait_count: 10'), 300)
  assert.equal(hold('interval: 1s', 'idle_hold_seconds: 5'), 5)
})

test("GPUs are those that the job asks for: without asking, only a whole node's", () => {
  const gpus = (directive: string, qubus = '') =>
    cpu(`cores: 1, job_extra_directives: [${directive}]`, 'maximum: 1', qubus).gpus
  assert.equal(gpus(''), 0)
  assert.equal(gpus('"--gres=gpu:2"'), 2)
  assert.equal(gpus('"--gpus-per-node=2"'), 2)
  assert.equal(gpus('"-G 1"'), 1)
  assert.equal(gpus('"--exclusive"'), 'auto')
  assert.equal(gpus('"--gres=gpu:2"', 'gpus: 1'), 1)
  const { warnings } = check(
    `${REST}x: {${CLASS}, cluster_kwargs: {cores: 1}, qubus: {serves: [gpu, cpu]}}\n`,
  )
  assert.match(
    warnings[0] ?? '',
    /^5 x\.cluster_kwargs\.job_extra_directives: it serves gpu and asks for no GPUs/,
  )
})

test('our own keys say what a job is for, and what of it a task takes', () => {
  const pool = cpu('cores: 64', 'maximum: 1', 'slots: 4, load_per_job: 2, serves: [cpu, fit]')
  assert.deepEqual(
    [pool.slots, pool.loadPerJob, pool.starts],
    [4, 2, { kind: 'worker', serves: ['cpu', 'fit'] }],
  )
  const { pools } = check(
    `${REST}cpu: {${CLASS}}\nsim: {${CLASS}, cluster_kwargs: {cores: 4}, qubus: {starts: vqpu, engine: other}}\n`,
  )
  const sim = pools?.get('sim')
  assert.deepEqual([sim?.starts, sim?.loadPerJob], [{ kind: 'vqpu', engine: 'other' }, 8])
})

test('a time limit among the directives holds, as it does for Slurm; no limit is none of ours', () => {
  assert.equal(cpu('cores: 1, walltime: 1-0, job_extra_directives: ["-t 10"]').walltimeSeconds, 600)
  assert.equal(cpu('cores: 1, walltime: unlimited').walltimeSeconds, undefined)
})

test('mappings that are merged in count, and are no configurations themselves', () => {
  const { pools, problems, warnings } = check(
    `defaults: &all\n  cores: 6\n  account: 007\n${REST}cpu:\n  ${CLASS}\n  cluster_kwargs:\n    <<: *all\n    queue: q\n  adapt_kwargs: {maximum: 1}\n`,
  )
  assert.deepEqual(problems, [])
  assert.deepEqual([pools?.get('cpu')?.cores, pools?.get('cpu')?.slurm?.account], [6, '007'])
  assert.match(warnings.join('\n'), /^1 defaults: this is no configuration.*left out$/)
})

const WARNED: [cpu: string, wanted: RegExp][] = [
  [
    'cluster_kwargs: {cores: 1, memry: 4GB}',
    /cpu\.cluster_kwargs\.memry: this key is not known and not used: did you mean 'memory'\?/,
  ],
  [
    'cluster_kwargs: {cores: 1, colour: red}',
    /cpu\.cluster_kwargs\.colour: this key is not known and not used$/,
  ],
  ['cluster_kwarg: {cores: 1}', /cpu\.cluster_kwarg: .*did you mean 'cluster_kwargs'\?/],
  ['adapt_kwargs: {maximum_job: 4}', /cpu\.adapt_kwargs\.maximum_job: .*did you mean 'maximum_jobs'\?/],
  ['cluster_kwargs: {cores: 1, n_workers: 4}', /cpu\.cluster_kwargs\.n_workers: not used: adapt_kwargs says/],
  [
    'cluster_kwargs: {cores: 1, job_extra_directives: ["gres=gpu:1"]}',
    /"gres=gpu:1" is no option of sbatch and not used/,
  ],
  [
    'cluster_kwargs: {account: a, project: b}',
    /cpu\.cluster_kwargs\.project: not used: account, its newer name/,
  ],
  ['cluster_kwargs:', /cpu\.cluster_kwargs: it says no cores: a job has 1/],
]

for (const [text, wanted] of WARNED) {
  test(`a good file is told what is not used: ${wanted.source}`, () => {
    const { problems, warnings } = check(`${REST}cpu:\n  ${CLASS}\n  ${text}\n`)
    assert.deepEqual(problems, [])
    assert.ok(
      warnings.some((warning) => wanted.test(warning)),
      warnings.join('\n'),
    )
  })
}

const WRONG: [cpu: string, wanted: RegExp][] = [
  ['cluster_kwargs:\n    cores: many', /^8 cpu\.cluster_kwargs\.cores: found "many": write a whole number/],
  ['cluster_kwargs:\n    cores: 0', /^8 cpu\.cluster_kwargs\.cores: found 0: write 1 or more/],
  ['cluster_kwargs:\n    memory: lots', /^8 cpu\.cluster_kwargs\.memory: found "lots": write a size/],
  [
    'cluster_kwargs:\n    walltime: soon',
    /^8 cpu\.cluster_kwargs\.walltime: found "soon": write minutes, MM:SS/,
  ],
  [
    'cluster_kwargs:\n    job_mem: 4 eggs',
    /^8 cpu\.cluster_kwargs\.job_mem: found "4 eggs": write memory as Slurm does/,
  ],
  [
    'cluster_kwargs:\n    shebang: /bin/bash',
    /^8 cpu\.cluster_kwargs\.shebang: found "\/bin\/bash": write "#!"/,
  ],
  ['cluster_kwargs:\n    queue: [a]', /^8 cpu\.cluster_kwargs\.queue: found \["a"\]: write one line of text/],
  [
    'cluster_kwargs:\n    job_script_prologue:\n      - a\n      - echo b: c',
    /^10 cpu\.cluster_kwargs\.job_script_prologue\.1: found {"echo b":"c"}: write one line of text, in quotes/,
  ],
  ['cluster_kwargs: 3', /^7 cpu\.cluster_kwargs: found 3: write keys such as cores/],
  [
    'adapt_kwargs:\n    minimum: 4\n    maximum: 2',
    /^8 cpu\.adapt_kwargs\.minimum: found 4, more than the maximum of 2 jobs/,
  ],
  [
    'adapt_kwargs:\n    interval: soon',
    /^8 cpu\.adapt_kwargs\.interval: found "soon": write a time such as 1, "30s"/,
  ],
  ['qubus:\n    node_check: true', /^8 cpu\.qubus\.node_check: this key is not known; known are serves, /],
  ['qubus:\n    engine: x', /^8 cpu\.qubus\.engine: only a vqpu has an engine; this pool starts worker/],
]

for (const [text, wanted] of WRONG) {
  test(`a bad file says where and what to write: ${wanted.source}`, () => {
    const { problems } = check(`${REST}cpu:\n  ${CLASS}\n  ${text}\n`)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', wanted)
  })
}

test('all problems are told at once, with the required names that are missing', () => {
  const { problems } = check(
    `generic: {${CLASS}, cluster_kwargs: {cores: x, memory: y}}\ncpu:\ngpu: {cluster_class: dask_jobqueue.PBSCluster}\ncircuit: {${CLASS}}\n`,
  )
  assert.deepEqual(
    problems.map((problem) => problem.split(':')[0]),
    ['1 generic.cluster_kwargs.cores', '1 generic.cluster_kwargs.memory', '3 gpu.cluster_class', '1 '],
  )
  assert.match(
    problems[2] ?? '',
    /found "dask_jobqueue\.PBSCluster", which is not for Slurm: write dask_jobqueue\.SLURM/,
  )
  assert.match(problems[3] ?? '', /missing are cpu, vqpu: write a pool of that name/)
})

test('the cluster files that come with Qubus are good and have nothing that is not used', () => {
  for (const name of ['local', 'test', 'example-site']) {
    const file = fileURLToPath(new URL(`../../clusters/${name}.yaml`, import.meta.url))
    const { problems, warnings } = check(readFileSync(file, 'utf8'))
    assert.deepEqual([problems, warnings], [[], []], name)
    assert.ok(loadCluster(file).pools.size > 2)
  }
})
