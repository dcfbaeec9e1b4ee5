import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { groupFolders, limitIn, memoryIn } from '../../scripts/cli/doctor/limits.ts'
import { type HostFacts, judgeHost } from '../../scripts/cli/doctor/login-node.ts'
import { findMount, judgeMount } from '../../scripts/cli/doctor/mounts.ts'
import { listenersIn } from '../../scripts/cli/doctor/servers.ts'
import { tempHome } from '../support/temp-home.ts'
import { qubus } from './qubus.ts'

test('a folder belongs to the longest mount point above it, and the last one there', () => {
  const table =
    '/dev/a / ext4 rw 0 0\nfs:/x /home nfs4 rw 0 0\ntmp /home/me\\040too tmpfs rw 0 0\nb /home xfs rw 0 0\n'
  const at = (folder: string) => {
    const { type, mountPoint } = findMount(table, folder)
    return [type, mountPoint]
  }
  assert.deepEqual(at('/var/lib'), ['ext4', '/'])
  assert.deepEqual(at('/home/me'), ['xfs', '/home'])
  assert.deepEqual(at('/home/me too/x'), ['tmpfs', '/home/me too'])
  assert.deepEqual(at('/homework'), ['ext4', '/'])
})

// As they stand in /proc/mounts on clusters.
const CLUSTER = `/dev/mapper/vg-root / xfs rw,relatime,attr2,inode64 0 0
devtmpfs /dev devtmpfs rw,nosuid,size=131800000k 0 0
tmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0
auto.home /home autofs rw,relatime,fd=6,indirect 0 0
nfs01.cluster:/export/home/ada /home/ada nfs4 rw,relatime,vers=4.2,hard,proto=tcp,sec=sys,local_lock=none 0 0
10.149.0.1@o2ib:10.149.0.2@o2ib:/scratch /scratch lustre rw,flock,user_xattr,lazystatfs 0 0
beegfs_nodev /work beegfs rw,relatime,cfgFile=/etc/beegfs/beegfs-client.conf 0 0
fs1 /gpfs/fs1 gpfs rw,relatime 0 0
ada@host:/data /mnt/ssh fuse.sshfs rw,nosuid,nodev,user_id=1000 0 0
/dev/sdb1 /mnt/usb fuseblk rw,relatime 0 0
/dev/nvme0n1p1 /local xfs rw,noatime 0 0
overlay /container overlay rw,lowerdir=/a,upperdir=/b,workdir=/c 0 0
`

test('a home on a network file system or in memory is refused, one in a container is warned of, a local disk is fine', () => {
  const judged = (home: string) => judgeMount(findMount(CLUSTER, home), home)
  for (const [home, says] of [
    ['/home/ada/qubus', /^NFS \(nfs4\) at \/home\/ada, .* from nfs01\.cluster:\/export\/home\/ada$/],
    ['/scratch/ada', /^Lustre \(lustre\) at \/scratch/],
    ['/work/x', /^BeeGFS \(beegfs\)/],
    ['/gpfs/fs1/x', /^GPFS \(gpfs\)/],
    ['/mnt/ssh', /^fuse\.sshfs at/],
  ] as const) {
    const { ok, found, advice } = judged(home)
    assert.deepEqual([ok, advice?.includes('QUBUS_HOME')], [false, true], home)
    assert.match(found, says)
  }
  assert.match(judged('/dev/shm/q').advice ?? '', /memory/)
  assert.deepEqual(
    [judged('/container').ok, judged('/container').advice?.includes('container')],
    [true, true],
  )
  for (const home of ['/local/ada', '/mnt/usb', '/var/lib']) {
    const { ok, advice } = judged(home)
    assert.deepEqual([ok, advice], [true, undefined], home)
  }
})

test('limits are read as the kernel writes them', () => {
  const table = `Limit                     Soft Limit           Hard Limit           Units
Max processes             4096                 unlimited            processes
Max open files            1024                 524288               files
`
  assert.deepEqual(limitIn(table, 'Max open files'), { soft: 1024, hard: 524_288 })
  assert.deepEqual(limitIn(table, 'Max processes'), { soft: 4096, hard: Number.POSITIVE_INFINITY })
  assert.equal(limitIn(table, 'Max pending signals'), undefined)
  assert.equal(memoryIn('MemTotal:       65536 kB\nMemFree: 1 kB\n'), 64 * 1024 ** 2)
  assert.deepEqual(groupFolders('0::/user.slice/user-7.slice\n', 'pids'), [
    '/sys/fs/cgroup/user.slice/user-7.slice',
    '/sys/fs/cgroup/user.slice',
    '/sys/fs/cgroup',
  ])
  assert.deepEqual(groupFolders('8:pids:/a\n4:memory:/b\n', 'memory'), [
    '/sys/fs/cgroup/memory/b',
    '/sys/fs/cgroup/memory',
  ])
})

test('a login node is told by its signs, and never where there is no Slurm or inside a job', () => {
  const facts: HostFacts = {
    sbatch: '/usr/bin/sbatch',
    job: undefined,
    host: 'login03.cluster',
    users: 17,
    memoryBound: 8 * 1024 ** 3,
  }
  const all = judgeHost(facts)
  assert.equal(all.ok, false)
  assert.match(all.found, /called login03.*17 users.*8\.0 GiB/)
  assert.match(all.advice ?? '', /QUBUS_URL/)
  const one = judgeHost({ ...facts, users: 1, memoryBound: undefined })
  assert.deepEqual([one.ok, one.advice === undefined], [true, false])
  const none = judgeHost({ ...facts, host: 'node017', users: 1, memoryBound: undefined })
  assert.deepEqual([none.ok, none.advice], [true, undefined])
  for (const elsewhere of [{ sbatch: undefined }, { job: '4711' }]) {
    const { ok, advice } = judgeHost({ ...facts, ...elsewhere })
    assert.deepEqual([ok, advice], [true, undefined])
  }
  for (const host of ['lifeline', 'headers', 'federated', 'logins'])
    assert.equal(judgeHost({ ...facts, host, users: 1, memoryBound: undefined }).advice, undefined, host)
})

test('a listener on all addresses is told from one on loopback', async () => {
  for (const [host, loopback] of [
    ['127.0.0.1', true],
    ['0.0.0.0', false],
  ] as const) {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const found = listenersIn(readFileSync('/proc/net/tcp', 'utf8')).filter((each) => each.port === port)
    assert.deepEqual(found, [{ port, loopback }])
    server.close()
  }
})

test('doctor looks at a host without a system, a JSON line a check', async () => {
  await using home = await tempHome()
  const { lines, exitCode } = await qubus(['doctor', '--json'], { home: `${home.path}/not/there/yet` })
  const names = lines.map((line) => line['check'])
  for (const name of [
    'node',
    'home',
    'file system',
    'fsync',
    'space',
    'inodes',
    'open files',
    'processes',
    'memory',
    'login node',
    'broker',
    'postgres',
    'ports',
  ])
    assert.ok(names.includes(name), `${name} is checked`)
  assert.ok(lines.every((line) => typeof line['ok'] === 'boolean' && typeof line['found'] === 'string'))
  assert.ok(lines.every((line) => line['ok'] === true || typeof line['advice'] === 'string'))
  assert.equal(exitCode, lines.every((line) => line['ok'] === true) ? 0 : 1)
})
