import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import type { SlurmJobs } from '#shared/cluster/cluster.ts'
import type { JobSpec } from '../../../services/allocator/scheduler.ts'
import { jobScript, quote, walltime } from '../../../services/allocator/slurm/job-script.ts'

const SPEC: JobSpec = {
  name: 'cpu-0-1-0a1b2c3d',
  pool: 'cpu',
  kind: 'worker',
  argv: ['/opt/qubus/services/worker/main.ts', '--pools', 'cpu', '--slots', '4'],
  environment: { QUBUS_HOME: '/home/ada/.qubus', CUDA_VISIBLE_DEVICES: '3', TMPDIR: '/scratch/here' },
  cores: 4,
  memoryBytes: 8e9,
  walltimeSeconds: 90_061,
}
const SITE: SlurmJobs = {
  partition: 'work',
  account: 'pawsey0001',
  directives: ['--gres=gpu:1', '--licenses=vqpu:1'],
  skippedDirectives: [],
  prologue: [],
  shebang: '#!/bin/bash',
}
const PLACE = { node: ['/opt/node', '--enable-source-maps'], log: '/home/ada/logs/100%/cpu-0-1.log' }

const linesOf = (spec: Partial<JobSpec> = {}, site: Partial<SlurmJobs> = {}): string[] =>
  jobScript({ ...SPEC, ...spec }, { ...SITE, ...site }, PLACE).split('\n')
const directivesOf = (lines: string[]): string[] =>
  lines.filter((line) => line.startsWith('#SBATCH ')).map((line) => line.slice('#SBATCH '.length))

/** What the script's environment and arguments are to the program that it becomes. */
function ran(spec: Partial<JobSpec>, site: Partial<SlurmJobs>): { args: string[]; env: NodeJS.ProcessEnv } {
  const tell = 'console.log(JSON.stringify({ args: process.argv.slice(1), env: process.env }))'
  const place = { node: [process.execPath, '-e', tell, '--'], log: '/dev/null' }
  const script = jobScript({ ...SPEC, ...spec }, { ...SITE, ...site }, place)
  return JSON.parse(
    execFileSync('/bin/bash', ['-s'], { input: script, env: { PATH: process.env['PATH'] } }).toString(),
  )
}

describe('a job script', () => {
  it('asks for what the pool is, then for what the site adds', () => {
    const lines = linesOf()
    assert.equal(lines[0], '#!/bin/bash')
    assert.deepEqual(directivesOf(lines), [
      '--job-name=cpu-0-1-0a1b2c3d',
      '--partition=work',
      '--account=pawsey0001',
      '--ntasks=1',
      '--cpus-per-task=4',
      '--mem=7630M',
      '--time=1-01:01:01',
      '--signal=B:TERM@60',
      '--output=/home/ada/logs/100%%/cpu-0-1.log',
      '--open-mode=append',
      '--export=NONE',
      '--gres=gpu:1',
      '--licenses=vqpu:1',
    ])
  })

  it('asks for no more than is said, and for other CPUs and memory where the site says so', () => {
    const bare = { partition: undefined, account: undefined, directives: [] }
    const unsaid = { memoryBytes: undefined, walltimeSeconds: undefined }
    assert.deepEqual(directivesOf(linesOf(unsaid, bare)).slice(1, 4), [
      '--ntasks=1',
      '--cpus-per-task=4',
      '--output=/home/ada/logs/100%%/cpu-0-1.log',
    ])
    const said = directivesOf(linesOf({}, { jobCpu: 256, jobMemory: '0' }))
    assert.ok(said.includes('--cpus-per-task=256') && said.includes('--mem=0'))
  })

  it('leaves out what the site skips', () => {
    const said = directivesOf(linesOf({}, { skippedDirectives: ['--mem', '--ntasks'] }))
    assert.ok(!said.some((each) => each.startsWith('--mem') || each.startsWith('--ntasks')), said.join())
    assert.ok(said.includes('--gres=gpu:1'))
  })

  it('gives the actor its arguments and environment, whatever they hold, and the prologue as it is written', () => {
    const odd = `a 'b' "c" $HOME \`id\` ü \\ ; & | < > * \t!`
    const { args, env } = ran(
      { argv: ['main.ts', odd], environment: { ...SPEC.environment, QUBUS_LOG_LEVEL: odd } },
      {
        prologue: [
          'export A="two words" B=\'$HOME\'',
          'export C="$A, ümlaut"',
          'for x in 1 2; do export D="$D$x"; done',
          '# module load rocm/5.2.3',
        ],
        localDirectory: '/tmp/of ada',
      },
    )
    assert.deepEqual(args, ['main.ts', odd])
    assert.deepEqual(
      [env['A'], env['B'], env['C'], env['D']],
      ['two words', '$HOME', 'two words, ümlaut', '12'],
    )
    assert.deepEqual([env['QUBUS_HOME'], env['QUBUS_LOG_LEVEL']], ['/home/ada/.qubus', odd])
    assert.equal(env['TMPDIR'], '/tmp/of ada')
    assert.equal(env['QUBUS_JOB'], SPEC.name)
    // Steps that are started with srun have this environment, although the job itself began with none.
    assert.equal(env['SLURM_EXPORT_ENV'], 'ALL')
  })

  it('tells the actor when the job ends, and nothing of the devices of the host that submitted it', () => {
    const before = Math.floor(Date.now() / 1000)
    const { env } = ran({}, {})
    const after = Math.ceil(Date.now() / 1000)
    const endsAt = Number(env['QUBUS_JOB_ENDS_AT'])
    assert.ok(endsAt >= before + 90_061 && endsAt <= after + 90_061, String(endsAt))
    assert.deepEqual([env['CUDA_VISIBLE_DEVICES'], env['TMPDIR']], [undefined, undefined])
    assert.equal(ran({ walltimeSeconds: undefined }, {}).env['QUBUS_JOB_ENDS_AT'], undefined)
  })

  it('takes any shebang, with or without its mark', () => {
    assert.equal(linesOf({}, { shebang: '/bin/bash -l' })[0], '#!/bin/bash -l')
    assert.equal(linesOf({}, { shebang: '#!/usr/bin/env bash' })[0], '#!/usr/bin/env bash')
  })

  it('is refused where one line would become two', () => {
    const refused = { code: 'ALLOCATION_REFUSED' }
    assert.throws(() => linesOf({}, { directives: ['--gres=gpu:1\nrm -rf /'] }), refused)
    assert.throws(() => linesOf({}, { account: 'a\nrm -rf /' }), refused)
    assert.throws(() => linesOf({}, { shebang: '#!/bin/sh\nrm -rf /' }), refused)
  })
})

it('a walltime is written in the form that every Slurm reads', () => {
  assert.deepEqual([0.2, 60, 3_661, 86_400, 90_061.5].map(walltime), [
    '0-00:00:01',
    '0-00:01:00',
    '0-01:01:01',
    '1-00:00:00',
    '1-01:01:02',
  ])
})

it('what needs no quotes has none', () => {
  assert.deepEqual(['/a/b-c_d.ts', '--pools', 'a,b', '', "it's"].map(quote), [
    '/a/b-c_d.ts',
    '--pools',
    'a,b',
    "''",
    `'it'\\''s'`,
  ])
})
