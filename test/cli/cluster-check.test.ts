import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compareWithSlurm } from '../../scripts/cli/cluster/against-slurm.ts'
import { readAccounts, readSinfo } from '../../scripts/cli/cluster/slurm-says.ts'
import { checkCluster } from '../../shared/cluster/load-cluster.ts'
import { tempHome } from '../support/temp-home.ts'
import { qubus } from './qubus.ts'

/** Recorded: Slurm 22.05.8, `sinfo --noheader '--format=%P|%l|%c|%m|%G'`. */
const SINFO = `long|infinite|16|16000|qpu:1
work*|1-00:00:00|16|16000|(null)
gpu|8:00:00|16|16000|gpu:2
copy|30:00|16|16000|(null)
empty|30:00|0|0|(null)
`
/** The same columns of a partition with two kinds of nodes. */
const MIXED = 'big*|infinite|128|250000|gpu:a100:4(S:0-1)\nbig*|infinite|32|1000000|(null)\n'

const TEST_CLUSTER = fileURLToPath(new URL('../../clusters/test.yaml', import.meta.url))

/** Of one pool with these keys. */
function compared(kwargs: string, sinfo = SINFO, accounts?: string[]): string[] {
  const { pools, at } = checkCluster(
    'site.yaml',
    `cpu:\n  cluster_class: dask_jobqueue.SLURMCluster\n  cluster_kwargs:\n    ${kwargs.split('; ').join('\n    ')}\n`,
  )
  return compareWithSlurm(pools.values(), { partitions: readSinfo(sinfo), accounts }).map(
    ({ pool, keys, message }) => {
      const { path, line } = at(pool, keys)
      return `${line} ${path}: ${message}`
    },
  )
}

test('what the Slurm at hand has is fine', () => {
  for (const kwargs of [
    'cores: 16; memory: 16000MiB; queue: work; walltime: 1-0',
    'cores: 1; walltime: "24:00:00"',
    'cores: 1; queue: long; walltime: 400-0; job_extra_directives: ["--gres=qpu:1"]',
    'cores: 1; queue: gpu; job_extra_directives: ["--gpus-per-node=2"]',
    'cores: 1; job_extra_directives: ["-p gpu", "--gres=gpu:1"]',
    'cores: 64; job_cpu: 16; memory: 900GB; job_mem: 15G',
    'cores: 1; memory: 900GB; job_directives_skip: [--mem]',
    'cores: 1; job_mem: 0',
    'cores: 1; queue: "work,gpu"',
  ])
    assert.deepEqual(compared(kwargs), [], kwargs)
  assert.deepEqual(compared('cores: 128; queue: big; job_extra_directives: ["--gres=gpu:a100:2"]', MIXED), [])
  assert.deepEqual(compared('account: Mine', SINFO, ['mine']), [])
  // Who has none may need none.
  assert.deepEqual(compared('account: mine', SINFO, []), [])
})

const MISMATCHES: [kwargs: string, wanted: RegExp, sinfo?: string, accounts?: string[]][] = [
  [
    'cores: 1; queue: warp',
    /^5 cpu\.cluster_kwargs\.queue: found warp: there is no partition .* one of long, work, gpu, copy, empty$/,
  ],
  ['cores: 1; queue: "work,warp"', /^5 .*found warp/],
  [
    'cores: 1',
    /^3 cpu\.cluster_kwargs\.queue: found nothing, and no partition is the default: write long$/,
    'long|infinite|16|16000|(null)\n',
  ],
  ['cores: 1; queue: empty', /found empty: that partition has no nodes/],
  [
    'queue: gpu; walltime: "08:00:01"',
    /^5 cpu\.cluster_kwargs\.walltime: found 08:00:01, more than partition gpu allows: write at most "08:00:00"/,
  ],
  [
    'cores: 17',
    /^4 cpu\.cluster_kwargs\.cores: found 17, more than a node of partition work has: write at most 16/,
  ],
  ['cores: 1; job_cpu: 17', /^5 cpu\.cluster_kwargs\.job_cpu: found 17/],
  ['cores: 1; memory: 17GB', /^5 cpu\.cluster_kwargs\.memory: found 16213 MiB, .*write at most "16000MiB"/],
  ['cores: 1; job_mem: 16G', /^5 cpu\.cluster_kwargs\.job_mem: found 16384 MiB/],
  [
    'queue: gpu; job_extra_directives: ["--gres=gpu:3"]',
    /^5 cpu\.cluster_kwargs\.job_extra_directives: found gpu:3, .* gpu has: write at most 2$/,
  ],
  [
    'queue: work; job_extra_directives: [-G 1]',
    /found gpu:1: no node of partition work has that; partitions that do: gpu$/,
  ],
  [
    'queue: gpu; job_extra_directives: ["--gres=gpu:h100:1"]',
    /found gpu:h100:1: no node of partition gpu has that$/,
  ],
  [
    'cores: 1; account: yours',
    /^5 cpu\.cluster_kwargs\.account: found yours: .*write one of a, b$/,
    SINFO,
    ['a', 'b'],
  ],
  [
    'cores: 64; memory: 900GB',
    /^3 cpu\.cluster_kwargs: no node of partition big has the cores, the memory and the gres together/,
    MIXED,
  ],
]

for (const [kwargs, wanted, sinfo, accounts] of MISMATCHES) {
  test(`what the Slurm at hand has not is said: ${wanted.source}`, () => {
    const found = compared(kwargs, sinfo, accounts)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', wanted)
  })
}

test('accounts are read a line each, once', () => {
  assert.deepEqual(readAccounts('a\nb\na\n\n'), ['a', 'b'])
})

test('a file is checked without a system, and with Slurm where its commands are', {
  concurrency: 2,
}, async (t) => {
  await using home = await tempHome()
  const PATH = `${home.path}:${dirname(process.execPath)}`
  const bare = { cwd: home.path, env: { PATH: dirname(process.execPath) } }
  await t.test('a good file is a table, and exit code 0', async () => {
    const { exitCode, stdout } = await qubus(['cluster', 'check', TEST_CLUSTER], bare)
    assert.equal(exitCode, 0)
    assert.match(stdout, /^gpu +worker +gpu +slurm +gpu +0-4 +4 +4 +2\.0 GiB +1 +00:30:00$/m)
  })
  await t.test('a bad one says where: a line each on stderr, or in JSON, and exit code 2', async () => {
    const file = join(home.path, 'bad.yaml')
    await writeFile(
      file,
      'cpu:\n  cluster_class: dask_jobqueue.SLURMCluster\n  cluster_kwargs: {cores: x, memry: 1}\nvqpu: {starts: vqpu}\n',
    )
    const people = await qubus(['cluster', 'check', 'bad.yaml'], bare)
    assert.equal(people.exitCode, 2)
    assert.match(people.stderr, /^bad\.yaml:3: cpu\.cluster_kwargs\.cores: found "x": write a whole number$/m)
    assert.match(people.stderr, /^bad\.yaml:1: found pools .*; missing are generic, gpu, circuit/m)
    assert.match(people.stderr, /^bad\.yaml:3: cpu\.cluster_kwargs\.memry: warning: .*did you mean 'memory'/m)
    const { exitCode, lines } = await qubus(['cluster', 'check', file, '--json'], bare)
    assert.equal(exitCode, 2)
    assert.equal(lines.length, 1)
    const { pools, problems, warnings, ...rest } = lines[0] as Record<string, unknown[]>
    assert.deepEqual(rest, { file, ok: false })
    assert.deepEqual(Object.keys(pools ?? {}), ['vqpu'])
    assert.deepEqual([problems?.length, warnings?.length], [2, 1])
    assert.deepEqual(Object.keys(problems?.[0] as object), ['path', 'line', 'message'])
  })
  await t.test('Slurm is asked: what it has not is a problem, no answer a warning', async () => {
    const says = async (script: string): Promise<void> => {
      await writeFile(join(home.path, 'sinfo'), `#!/bin/sh\n${script}\n`)
      await chmod(join(home.path, 'sinfo'), 0o755)
    }
    await says("printf '%s' 'work*|10:00|16|16000|(null)\n'")
    const asked = await qubus(['cluster', 'check', TEST_CLUSTER, '--json'], { env: { PATH } })
    assert.equal(asked.exitCode, 2)
    const { problems = [], pools = {} } = asked.lines[0] as { problems?: { path: string }[]; pools?: object }
    assert.equal(Object.keys(pools).length, 5)
    assert.ok(problems.some(({ path }) => path === 'gpu.cluster_kwargs.queue'))
    assert.ok(problems.some(({ path }) => path === 'cpu.cluster_kwargs.walltime'))
    await says("echo 'sinfo: error: no contact' >&2; exit 1")
    const silent = await qubus(['cluster', 'check', TEST_CLUSTER], { env: { PATH } })
    assert.equal(silent.exitCode, 0)
    assert.match(silent.stderr, /warning: not compared with the Slurm here: sinfo: error: no contact/)
  })
  await t.test('up refuses pools on Slurm where its commands are not, before anything starts', async () => {
    const { exitCode, stderr } = await qubus(['up', '--cluster', TEST_CLUSTER], {
      ...bare,
      home: join(home.path, 'home'),
    })
    assert.equal(exitCode, 2)
    assert.match(
      stderr,
      /jobs of generic, cpu, gpu, vqpu are Slurm's, and sbatch, squeue, scancel can't be found/,
    )
  })
})
