/** Jobs on a real Slurm: submitted once, watched, ended, and what becomes of them when parts of it die. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import type { SlurmJobs } from '#shared/cluster/cluster.ts'
import { codeOf } from '#shared/contract/errors.ts'
import type { Job, JobSpec } from '../../../services/allocator/scheduler.ts'
import { type SlurmCommands, slurmCommands } from '../../../services/allocator/slurm/slurm-commands.ts'
import { slurmJobFiles } from '../../../services/allocator/slurm/slurm-job-file.ts'
import { SlurmScheduler } from '../../../services/allocator/slurm/slurm-scheduler.ts'
import { slurmUser } from '../../support/slurm-user.ts'
import { tempHome } from '../../support/temp-home.ts'
import { until } from '../../support/until.ts'
import { slurmForThisFile } from '../../support/with-slurm.ts'

const slurm = await slurmForThisFile()

const FOREVER = 'console.log("here"); setInterval(() => {}, 1000)'
const SITE: SlurmJobs = {
  partition: 'work',
  directives: [],
  skippedDirectives: [],
  prologue: [],
  shebang: '#!/bin/bash',
}

async function opened(sites: Record<string, SlurmJobs> = {}) {
  if ('missing' in slurm) throw new Error(slurm.missing)
  const home = await tempHome()
  const counted = countCommands(
    slurmCommands({ ...process.env, ...slurm.environment, OF_THE_TEST: 'no job sees it' }),
  )
  const open = () =>
    new SlurmScheduler({
      home: home.path,
      pools: new Map(Object.entries({ cpu: SITE, ...sites })),
      commands: counted.commands,
    })
  const scheduler = open()
  const jobOf = async (name: string): Promise<Job | undefined> => {
    scheduler.expectNews()
    return (await scheduler.jobs()).find((job) => job.name === name)
  }
  return {
    home: home.path,
    scheduler,
    open,
    counted,
    jobOf,
    is: (name: string, state: Job['state']) =>
      until(`${name} to be ${state}`, async () => {
        const job = await jobOf(name)
        return job?.state === state && job
      }),
    async [Symbol.asyncDispose]() {
      const live = (await scheduler.jobs()).filter(({ state }) => state !== 'ended')
      await Promise.all(live.map(({ id }) => scheduler.cancel(id, { graceSeconds: 0 })))
      await home[Symbol.asyncDispose]()
    },
  }
}

function countCommands(of: SlurmCommands) {
  const calls = { submit: 0, queue: 0, cancel: 0 }
  const commands: SlurmCommands = {
    submit(...args) {
      calls.submit++
      return of.submit(...args)
    },
    queue(...args) {
      calls.queue++
      return of.queue(...args)
    },
    cancel(...args) {
      calls.cancel++
      return of.cancel(...args)
    },
  }
  return { calls, commands }
}

let count = 0
const spec = (script: string, more: Partial<JobSpec> = {}): JobSpec => ({
  name: `cpu-0-${++count}-${process.pid}`,
  pool: 'cpu',
  kind: 'worker',
  argv: ['-e', script],
  environment: { PATH: process.env['PATH'] ?? '' },
  cores: 1,
  ...more,
})

const skip = 'missing' in slurm ? slurm.missing : false
describe('jobs on Slurm', { skip }, () => {
  it('wait, run on a node, print, and end as they like', async () => {
    await using at = await opened()
    const job = spec('console.log("env", JSON.stringify(process.env))')
    assert.equal(await at.scheduler.submit(job), job.name)
    const over = await at.is(job.name, 'ended')
    assert.equal(over.how, 'orderly', over.reason)
    assert.match(over.node ?? '', /^cpu[12]$/)
    assert.ok((over.startedAt ?? 0) >= over.submittedAt - 2_000)
    const text = await until('its log', async () =>
      /env (\{.*\})/.exec(await at.scheduler.tail(job.name, 9_999)),
    )
    const environment = JSON.parse(text[1] ?? '{}') as Record<string, string>
    assert.equal(environment['QUBUS_JOB'], job.name)
    // Nothing of ours came along but what the job was given.
    assert.equal(environment['OF_THE_TEST'], undefined)
    await at.scheduler.forget(job.name)
    assert.equal(await at.jobOf(job.name), undefined)
  })

  it('that fail say so in words of Slurm', async () => {
    await using at = await opened()
    const fails = spec('process.exit(3)')
    await at.scheduler.submit(fails)
    const failed = await at.is(fails.name, 'ended')
    assert.equal(failed.how, 'failed')
    assert.match(failed.reason ?? '', /FAILED \(NonZeroExitCode\)/)
  })

  it('are one for a name, however often it is submitted', async () => {
    await using at = await opened()
    const job = spec(FOREVER)
    const other = at.open()
    await Promise.all([at.scheduler.submit(job), at.scheduler.submit(job), at.scheduler.submit(job)])
    await at.is(job.name, 'running')
    await other.submit(job)
    assert.equal(at.counted.calls.submit, 1)
  })

  it('are found by their name when the allocator died between sbatch and its record', async () => {
    await using at = await opened()
    const job = spec(FOREVER)
    await at.scheduler.submit(job)
    const before = slurmJobFiles(at.home).read(job.name)
    // As it is when the number was never written: the claim of a process that is gone.
    const dead = spawnSync('true').pid
    slurmJobFiles(at.home).update(job.name, ({ id: _, ...file }) => ({
      ...file,
      claimedBy: { pid: dead, start: '1', boot: 'another' },
    }))
    const next = at.open()
    assert.equal(await next.submit(job), job.name)
    assert.equal(at.counted.calls.submit, 1)
    assert.equal(slurmJobFiles(at.home).read(job.name)?.id, before?.id)
  })

  it('that a claim announced and nobody submitted are submitted by the next one', async () => {
    await using at = await opened()
    const job = spec(FOREVER)
    const now = Date.now()
    slurmJobFiles(at.home).claim({
      name: job.name,
      pool: 'cpu',
      claimedBy: { pid: spawnSync('true').pid, start: '1', boot: 'another' },
      claimedAt: now,
      submittedAt: now,
      log: slurmJobFiles(at.home).logOf(job.name),
    })
    await at.scheduler.submit(job)
    await at.is(job.name, 'running')
    assert.equal(at.counted.calls.submit, 1)
  })

  it('are refused in Slurm’s own words, and the name is free again', async () => {
    await using at = await opened({
      nowhere: { ...SITE, partition: 'nowhere' },
      greedy: { ...SITE, partition: 'gpu', directives: ['--gres=gpu:9'] },
    })
    for (const [pool, words] of [
      ['nowhere', /invalid partition/i],
      ['greedy', /node configuration is not available/i],
    ] as const) {
      const job = spec(FOREVER, { pool })
      await assert.rejects(at.scheduler.submit(job), (error: Error) => {
        assert.equal(codeOf(error), 'ALLOCATION_REFUSED', error.message)
        assert.match(error.message, words)
        return true
      })
      assert.equal(await at.jobOf(job.name), undefined)
    }
  })

  it('are ended politely where they listen, and by force where they do not', async () => {
    await using at = await opened()
    const polite = spec(`process.on("SIGTERM", () => { console.log("bye"); process.exit(0) }); ${FOREVER}`)
    const deaf = spec(`process.on("SIGTERM", () => console.log("no")); ${FOREVER}`)
    for (const job of [polite, deaf]) {
      await at.scheduler.submit(job)
      await at.is(job.name, 'running')
      await until('it to listen', async () => (await at.scheduler.tail(job.name, 999)).includes('here'))
    }
    await at.scheduler.cancel(polite.name, { graceSeconds: 60 })
    await at.scheduler.cancel(deaf.name, { graceSeconds: 1 })
    for (const { name } of [polite, deaf])
      assert.deepEqual([(await at.jobOf(name))?.state, (await at.jobOf(name))?.how], ['ended', 'cancelled'])
    assert.match(await at.scheduler.tail(polite.name, 999), /bye/)
    assert.match(await at.scheduler.tail(deaf.name, 999), /no/)
  })

  it('that wait say why, as Slurm does, and can be ended', async () => {
    await using at = await opened({ held: { ...SITE, directives: ['--hold'] } })
    const job = spec(FOREVER, { pool: 'held' })
    await at.scheduler.submit(job)
    await until('the reason', async () => (await at.jobOf(job.name))?.reason === 'held: JobHeldUser')
    await at.scheduler.cancel(job.name, { graceSeconds: 60 })
    assert.equal((await at.jobOf(job.name))?.how, 'cancelled')
  })

  it('have the GPUs that their directives ask for', async () => {
    await using at = await opened({ gpu: { ...SITE, partition: 'gpu', directives: ['--gres=gpu:1'] } })
    const job = spec('console.log("gpus=" + process.env.CUDA_VISIBLE_DEVICES)', { pool: 'gpu' })
    await at.scheduler.submit(job)
    assert.match((await at.is(job.name, 'ended')).node ?? '', /^gpu[12]$/)
    assert.match(await at.scheduler.tail(job.name, 999), /gpus=[01]$/m)
  })

  it('are asked about seldom once they run', async () => {
    await using at = await opened()
    const job = spec(FOREVER)
    await at.scheduler.submit(job)
    assert.equal(at.scheduler.pollSeconds, 1)
    await at.is(job.name, 'running')
    const later = at.open()
    await later.jobs()
    assert.equal(later.pollSeconds, 30)
    const { queue } = at.counted.calls
    for (let i = 0; i < 50; i++) await later.jobs()
    assert.equal(at.counted.calls.queue, queue)
    later.expectNews()
    await until('a look', async () => {
      await later.jobs()
      return at.counted.calls.queue > queue
    })
  })

  it('whose end somebody else decides are over here too', async () => {
    await using at = await opened()
    if ('missing' in slurm) return
    const job = spec(FOREVER)
    await at.scheduler.submit(job)
    await at.is(job.name, 'running')
    await slurmUser(slurm).run('scancel', String(slurmJobFiles(at.home).read(job.name)?.id))
    assert.equal((await at.is(job.name, 'ended')).how, 'cancelled')
  })

  it('are not concluded about while the controller is away, and go on', async () => {
    await using at = await opened()
    if ('missing' in slurm) return
    const job = spec(FOREVER)
    await at.scheduler.submit(job)
    await at.is(job.name, 'running')
    await slurm.killController()
    at.scheduler.expectNews()
    await assert.rejects(
      until('a look', async () => {
        at.scheduler.expectNews()
        return void (await at.scheduler.jobs())
      }),
      { code: 'ALLOCATION_FAILED' },
    )
    const late = spec(FOREVER)
    await assert.rejects(at.scheduler.submit(late), { code: 'ALLOCATION_FAILED' })
    await slurm.startController()
    assert.equal((await at.is(job.name, 'running')).state, 'running')
    // What may or may not have been taken is looked for, then submitted.
    await at.scheduler.submit(late)
    await at.is(late.name, 'running')
  })

  it('of a node that dies are gone, or come back as the same job', async () => {
    await using at = await opened({ once: { ...SITE, directives: ['--no-requeue'] } })
    if ('missing' in slurm) return
    const [again, once] = [spec(FOREVER), spec(FOREVER, { pool: 'once' })]
    await at.scheduler.submit(again)
    const { node } = await at.is(again.name, 'running')
    await at.scheduler.submit({ ...once })
    const beside = await at.is(once.name, 'running')
    await slurm.killNode(node as 'cpu1')
    if (beside.node !== node) await slurm.killNode(beside.node as 'cpu1')
    const gone = await at.is(once.name, 'ended')
    assert.equal(gone.how, 'vanished')
    assert.match(gone.reason ?? '', /NODE_FAIL/)
    await at.is(again.name, 'pending')
    for (const each of new Set([node, beside.node])) await slurm.startNode(each as 'cpu1')
    assert.equal((await at.is(again.name, 'running')).id, again.name)
  })
})
