/** The project's own test cluster: it is a Slurm like any other. */
import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { NOBODY, slurmUser } from '../support/slurm-user.ts'
import { until } from '../support/until.ts'
import { withSlurm } from '../support/with-slurm.ts'
import { openFolder } from './job-start.ts'

test('a job runs on each partition, and has the GPUs that it asked for', async (t) => {
  const began = performance.now()
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  t.diagnostic(`Slurm was up after ${Math.round(performance.now() - began)} ms`)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  const output = join(outputs.path, '%x')
  const script = '#!/bin/sh\necho $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES\n'
  const asked = {
    long: ['--partition=long', '--gres=qpu:1', '--licenses=vqpu:2'],
    usual: [],
    gpu: ['--partition=gpu', '--gres=gpu:2'],
    copy: ['--partition=copy'],
  }
  for (const [name, options] of Object.entries(asked)) {
    const job = await root.submit(script, `--job-name=${name}`, `--output=${output}`, ...options)
    await until(`${name} is done`, async () => (await root.fieldOf(job, 'JobState')) === 'COMPLETED')
  }
  const said = async (name: string): Promise<string> => await readFile(join(outputs.path, name), 'utf8')
  assert.equal(await said('long'), 'svc1\n')
  assert.match(await said('usual'), /^cpu[12]\n$/)
  assert.match(await said('gpu'), /^gpu[12] 0,1\n$/)
  assert.equal(await said('copy'), 'cpy1\n')
  const ends = await until('all ends are told', async () => {
    const lines = (await readFile(slurm.folder.jobcomp, 'utf8')).trim().split('\n')
    return lines.length === 4 && lines
  })
  assert.ok(ends.every((line) => line.includes('JobState=COMPLETED')))
})

test('two jobs share a node by its GPUs, and each sees its own', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  const script = '#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES"\nexec sleep 1000\n'
  const options = ['--partition=gpu', '--nodelist=gpu1', '--gres=gpu:1', `--output=${outputs.path}/%j`]
  const jobs = [await root.submit(script, ...options), await root.submit(script, ...options)]
  const seen = await until('both have started', async () => {
    const texts = await Promise.all(
      jobs.map((job) => readFile(join(outputs.path, job), 'utf8').catch(() => '')),
    )
    return texts.every((text) => text !== '') && texts.map((text) => text.trim()).sort()
  })
  assert.deepEqual(seen, ['0', '1'])
  const third = await root.submit(script, ...options)
  await until('the third one waits', async () => (await root.fieldOf(third, 'Reason')) === 'Resources')
})

test('a licence is held by the job that runs, and the next one waits for it', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  const root = slurmUser(slurm)
  const script = '#!/bin/sh\nexec sleep 1000\n'
  const options = ['--licenses=qpu:1', '--output=/dev/null']
  const first = await root.submit(script, ...options)
  const second = await root.submit(script, ...options)
  await until('the first runs', async () => (await root.fieldOf(first, 'JobState')) === 'RUNNING')
  await until('the second waits', async () => (await root.fieldOf(second, 'Reason')) === 'Licenses')
  assert.match(await root.run('scontrol', '--oneliner', 'show', 'licenses', 'qpu'), /Total=1 Used=1 Free=0/)
  await root.run('scancel', first)
  await until('the second runs', async () => (await root.fieldOf(second, 'JobState')) === 'RUNNING')
})

test('an ordinary user submits, and the job finds Slurm although it got nothing of an environment', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using outputs = await openFolder()
  const nobody = slurmUser(slurm, NOBODY)
  const output = join(outputs.path, 'output')
  const script = [
    '#!/bin/sh',

    'echo "$SLURM_CONF"',
    'srun --export=ALL --ntasks=2 id -u',
    'squeue --noheader --format=%A',
  ]
  const job = await nobody.submit(`${script.join('\n')}\n`, '--ntasks=2', `--output=${output}`)
  await until('the job is done', async () => (await nobody.fieldOf(job, 'JobState')) === 'COMPLETED')
  assert.deepEqual((await readFile(output, 'utf8')).trim().split('\n'), [
    slurm.folder.conf,
    `${NOBODY}`,
    `${NOBODY}`,
    job,
  ])
  assert.equal((await stat(output)).uid, NOBODY)
  const another = await slurmUser(slurm).submit('#!/bin/sh\nexec sleep 1000\n', '--output=/dev/null')
  await assert.rejects(nobody.run('scancel', another), /denied|Invalid|permission/i)
  assert.equal(
    await nobody.run('srun', '--export=NONE', '/usr/bin/id', '-u'),
    `${NOBODY}`,
    'a step without a job script',
  )
})
