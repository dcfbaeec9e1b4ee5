/** The project's own test cluster. */
import assert from 'node:assert/strict'
import { chmod, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { labFolder } from '#infra/slurm-lab/folder.ts'
import { startLab } from '#infra/slurm-lab/lab.ts'
import { labProcesses, nodeProcesses } from '#infra/slurm-lab/lab-processes.ts'
import { findPrograms } from '#infra/slurm-lab/programs.ts'
import { isAlive } from '../support/process-facts.ts'
import { NOBODY, slurmUser } from '../support/slurm-user.ts'
import { type TempHome, tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { withSlurm } from '../support/with-slurm.ts'

const ROOT = join(import.meta.dirname, '../..')

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

test('a node that loses power takes its processes with it: one job fails, the other runs again elsewhere', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  // A child that leaves the job's session must go too.
  const script = '#!/bin/sh\nsetsid sleep 1000 &\necho "$SLURMD_NODENAME $$ $!"\nexec sleep 1000\n'
  const options = [`--output=${outputs.path}/%j`]
  const moving = await root.submit(script, '--requeue', ...options)
  const first = await until('the first job runs', async () => await startOf(outputs, moving))
  const failing = await root.submit(script, '--no-requeue', `--nodelist=${first.node}`, ...options)
  const second = await until('the second job runs', async () => await startOf(outputs, failing))
  assert.equal(second.node, first.node)
  const pids = [...first.pids, ...second.pids]
  assert.ok(pids.length === 4 && pids.every(isAlive))

  const node = slurm.nodes.find((name) => name === first.node)!
  await slurm.killNode(node)
  assert.deepEqual(pids.filter(isAlive), [])
  assert.deepEqual(nodeProcesses(slurm.folder, node), [])
  await until('it failed', async () => (await root.fieldOf(failing, 'JobState')) === 'NODE_FAIL')
  const other = first.node === 'cpu1' ? 'cpu2' : 'cpu1'
  await until('it runs again', async () => (await startOf(outputs, moving))?.node === other)
  assert.equal(await root.fieldOf(moving, 'Restarts'), '1')
  assert.match(await root.run('sinfo', '--noheader', `--nodes=${node}`, '--format=%t'), /^down\*?$/)

  await slurm.startNode(node)
  const back = await root.submit(script, `--nodelist=${node}`, ...options)
  await until('it takes jobs again', async () => await startOf(outputs, back))
})

test('a controller that is killed knows its jobs when it is back', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  const go = join(outputs.path, 'go')
  const script = `#!/bin/sh\necho "$SLURMD_NODENAME $$"\nuntil test -e ${go}; do sleep 0.1; done\n`
  const running = await root.submit(script, `--output=${outputs.path}/%j`)
  const waiting = await root.submit(script, '--begin=now+1hour', '--output=/dev/null')
  const { pids } = await until('it runs', async () => await startOf(outputs, running))
  const started = Date.now()
  // It writes down now and then what it knows; what came after that is forgotten.
  const written = join(slurm.folder.state, 'job_state')
  await until('its state is written', async () => {
    const found = await stat(written).catch(() => undefined)
    return found !== undefined && found.mtimeMs > started
  })

  await slurm.killController()
  await assert.rejects(root.run('squeue'), /./)
  await slurm.startController()
  assert.equal(await root.fieldOf(running, 'JobState'), 'RUNNING')
  assert.equal(await root.fieldOf(waiting, 'JobState'), 'PENDING')
  assert.ok(pids.every(isAlive))
  await writeFile(go, '')
  await until('it ends', async () => (await root.fieldOf(running, 'JobState')) === 'COMPLETED')
})

test('two labs side by side do not see each other', async (t) => {
  const both = await Promise.all([withSlurm(), withSlurm()])
  await using one = both[0]
  await using two = both[1]
  if ('missing' in one || 'missing' in two) return t.skip('missing' in one ? one.missing : '')
  await using outputs = await openFolder()
  const [here, there] = [slurmUser(one), slurmUser(two)]
  const script = '#!/bin/sh\necho "$SLURMD_NODENAME $$"\nexec sleep 1000\n'
  const options = ['--nodelist=cpu1', `--output=${outputs.path}/%x`]
  await here.submit(script, '--job-name=here', ...options)
  const job = await there.submit(script, '--job-name=there', ...options)
  const [mine, theirs] = await until('both run', async () => {
    const starts = await Promise.all([startOf(outputs, 'here'), startOf(outputs, 'there')])
    return starts[0] !== undefined && starts[1] !== undefined && [starts[0], starts[1]]
  })
  assert.equal(await here.run('squeue', '--noheader', '--format=%j'), 'here')
  assert.equal(await there.run('squeue', '--noheader', '--format=%j'), 'there')
  await one.killNode('cpu1')
  assert.deepEqual(
    [mine, theirs].map(({ pids }) => pids.some(isAlive)),
    [false, true],
  )
  await one.stop()
  assert.equal(await there.fieldOf(job, 'JobState'), 'RUNNING')
  assert.ok(theirs.pids.every(isAlive))
})

test('a lab writes nowhere but into its folder, and after its end no process of it is left', async (t) => {
  const before = await usualPlaces()
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  const script = '#!/bin/sh\nsetsid sleep 1000 &\necho "$SLURMD_NODENAME $$ $!"\nexec sleep 1000\n'
  const job = await root.submit(script, `--output=${outputs.path}/%j`)
  const { pids } = await until('a job runs', async () => await startOf(outputs, job))
  const all = labProcesses(slurm.folder)
  // munged, the controller and its helper, six slurmds, a step's daemon, and the job's two.
  assert.equal(all.length, 12)
  assert.ok(pids.every((pid) => all.some((each) => each.pid === pid)))
  const elsewhere = (await Promise.all(all.map(({ pid }) => openFilesOf(pid))))
    .flat()
    .filter((file) => ![slurm.folder.root, outputs.path].some((folder) => file.startsWith(`${folder}/`)))
  assert.deepEqual(elsewhere, [])
  await slurm.stop()
  assert.deepEqual(labProcesses(slurm.folder), [])
  assert.deepEqual(
    all.filter(({ pid }) => isAlive(pid)),
    [],
  )
  assert.deepEqual(await usualPlaces(), before)
})

test('scripts/slurm-lab: up twice, a node gone and back, down', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using home = await openFolder()
  const root = join(home.path, 'lab')
  const lab = (...args: string[]) =>
    execa(join(ROOT, 'scripts/slurm-lab'), [...args, '--root', root], { stdin: 'ignore', reject: false })
  const line = `export SLURM_CONF=${root}/slurm.conf`
  try {
    assert.equal((await lab('status')).exitCode, 1)
    assert.equal((await lab('up')).stdout, line)
    const daemons = labProcesses(labFolder(root))
    assert.equal((await lab('up')).stdout, line)
    assert.deepEqual(labProcesses(labFolder(root)), daemons)
    assert.equal((await lab('kill', 'cpu2')).exitCode, 0)
    assert.deepEqual(nodeProcesses(labFolder(root), 'cpu2'), [])
    assert.equal((await lab('start', 'cpu2')).exitCode, 0)
    const status = await lab('status')
    assert.match(status.stderr, /cpu2 idle/)
    assert.equal(status.stdout, line)
    assert.match((await lab('kill', 'cpu9')).stderr, /write one of svc1, cpu1/)
  } finally {
    assert.equal((await lab('down')).exitCode, 0)
  }
  assert.deepEqual(labProcesses(labFolder(root)), [])
  assert.deepEqual(await readdir(home.path), [])
})

test('a lab that can not start says why, and leaves nothing behind', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  await using home = await openFolder()
  const found = await findPrograms()
  assert.ok('programs' in found)
  await assert.rejects(startLab({ root: slurm.folder.root, packages: found.programs }), /is not empty/)
  assert.ok(labProcesses(slurm.folder).length >= 8, 'the lab that is there goes on')
  const root = join(home.path, 'lab')
  const broken = { ...found.programs, slurmd: '/bin/false' }
  await assert.rejects(startLab({ root, packages: broken }), /svc1 ended while starting/)
  assert.deepEqual(labProcesses(labFolder(root)), [])
  await assert.rejects(startLab({ root: `/tmp/${'x'.repeat(80)}`, packages: found.programs }), /at most 68/)
})

test('where Slurm can not be had the reason is told, and is a failure where Slurm is required', async (t) => {
  const none = await findPrograms(['/nowhere'])
  assert.ok('missing' in none && none.missing.includes('slurmctld') && none.missing.includes('munged'))
  if (process.getuid?.() === 0 && !(await othersCanRead(PROGRAM))) return t.skip(`others can't read ${ROOT}`)
  const asNobody = (wish: string) =>
    execa(process.execPath, [PROGRAM], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', QUBUS_TEST_SLURM: wish },
      extendEnv: false,
      reject: false,
      ...(process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
    })
  assert.match((await asNobody('')).stdout, /^missing: .* needs root/)
  const required = await asNobody('require')
  assert.match(required.stderr, /QUBUS_TEST_SLURM=require: .* needs root/)
  assert.notEqual(required.exitCode, 0)
  assert.match((await asNobody('off')).stdout, /^missing: QUBUS_TEST_SLURM=off/)
  assert.match((await asNobody('yes')).stderr, /write "require", "off" or nothing, not "yes"/)
})

const PROGRAM = join(import.meta.dirname, 'print-slurm.ts')

type Start = { node: string; pids: number[] }

/** What a job's script wrote into the file of its name: its node and its processes. */
async function startOf({ path }: TempHome, job: string): Promise<Start | undefined> {
  const text = await readFile(join(path, job), 'utf8').catch(() => '')
  if (!text.endsWith('\n')) return undefined
  const [node = '', ...pids] = text.trim().split(' ')
  return { node, pids: pids.map(Number) }
}

/** A folder that any user's job may write to. */
async function openFolder(): Promise<TempHome> {
  const home = await tempHome()
  await chmod(home.path, 0o777)
  return home
}

// Where the packages of Debian keep things when nobody says otherwise.
const PLACES = [
  '/etc/slurm',
  '/etc/munge',
  '/run',
  '/run/munge',
  '/var/log',
  '/var/log/munge',
  '/var/lib',
  '/var/spool',
]

async function usualPlaces(): Promise<string[]> {
  const listed = await Promise.all(
    PLACES.map(async (place) =>
      (await readdir(place).catch(() => []))
        .map((name) => join(place, name))
        .filter((path) => /slurm|munge/.test(path)),
    ),
  )
  return listed.flat().sort()
}

async function openFilesOf(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(names.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  return links.filter(
    (link) => link.startsWith('/') && !link.startsWith('/dev/') && !link.startsWith('/proc/'),
  )
}

async function othersCanRead(file: string): Promise<boolean> {
  for (let folder = file; folder !== '/'; folder = join(folder, '..'))
    if (((await stat(folder)).mode & 0o004) === 0) return false
  return true
}
