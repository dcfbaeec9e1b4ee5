/** A lab keeps to itself: its folder, its processes, and what it says where it can't be. */
import assert from 'node:assert/strict'
import { readdir, readlink, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { labFolder } from '#infra/slurm-lab/folder.ts'
import { startLab } from '#infra/slurm-lab/lab.ts'
import { labProcesses, nodeProcesses } from '#infra/slurm-lab/lab-processes.ts'
import { findPrograms } from '#infra/slurm-lab/programs.ts'
import { isAlive } from '../support/process-facts.ts'
import { NOBODY, slurmUser } from '../support/slurm-user.ts'
import { until } from '../support/until.ts'
import { withSlurm } from '../support/with-slurm.ts'
import { openFolder, STAYING, STAYING_TWICE, startOf } from './job-start.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROGRAM = join(import.meta.dirname, 'print-slurm.ts')

test('two labs side by side do not see each other', async (t) => {
  const both = await Promise.all([withSlurm(), withSlurm()])
  await using one = both[0]
  await using two = both[1]
  if ('missing' in one || 'missing' in two) return t.skip('missing' in one ? one.missing : '')
  await using outputs = await openFolder()
  const [here, there] = [slurmUser(one), slurmUser(two)]
  const options = ['--nodelist=cpu1', `--output=${outputs.path}/%x`]
  await here.submit(STAYING, '--job-name=here', ...options)
  const job = await there.submit(STAYING, '--job-name=there', ...options)
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
  await using other = await withSlurm()
  if ('missing' in other) return t.skip(other.missing)
  // The packages are there by now.
  const before = await usualPlaces()
  await using slurm = await withSlurm()
  assert.ok('folder' in slurm)
  await using outputs = await openFolder()
  const root = slurmUser(slurm)
  const job = await root.submit(STAYING_TWICE, `--output=${outputs.path}/%j`)
  const { pids } = await until('a job runs', async () => await startOf(outputs, job))
  const all = labProcesses(slurm.folder)
  // munged, the controller and its helper, six slurmds, a step's daemon, and the job's two.
  assert.ok(all.length >= 12, `${all.length}`)
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
  assert.match((await asNobody('')).stdout, /^missing: .* was not asked for/)
  assert.match((await asNobody('try')).stdout, /^missing: .* needs root/)
  const required = await asNobody('require')
  assert.match(required.stderr, /QUBUS_TEST_SLURM=require: .* needs root/)
  assert.notEqual(required.exitCode, 0)
  assert.match((await asNobody('off')).stdout, /^missing: QUBUS_TEST_SLURM=off/)
  assert.match((await asNobody('yes')).stderr, /write "try", "require", "off" or nothing, not "yes"/)
})

test('a test run that is stopped, and stopped again, leaves nothing of its lab running', async (t) => {
  await using slurm = await withSlurm()
  if ('missing' in slurm) return t.skip(slurm.missing)
  const run = execa(process.execPath, [PROGRAM, 'stay'], { reject: false, stdin: 'ignore' })
  const words: string[] = []
  run.stdout.on('data', (text) => words.push(String(text)))
  const root = await until('a job of it runs', () => /^started (\S+)\n/.exec(words.join(''))?.[1])
  // Slurm calls a job running before it is.
  await until(
    'munged, the controller and its helper, six nodes, a step and its job',
    () => labProcesses(labFolder(root)).length >= 11,
  )
  run.kill('SIGTERM')
  run.kill('SIGTERM')
  await run
  assert.deepEqual(labProcesses(labFolder(root)), [])
  await rm(root, { recursive: true })
})

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
