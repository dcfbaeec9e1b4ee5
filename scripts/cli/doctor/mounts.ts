/** From the kernel's mount table: what kind of file system a folder lies on, and what that means for a home. Pure. */
import type { Finding } from './checks.ts'

export type Mount = { type: string; mountPoint: string; device: string }

/** The longest mount point above `folder`; of two at one place, the later one hides the other. */
export function findMount(table: string, folder: string): Mount {
  let best: Mount = { type: 'unknown', mountPoint: '', device: '' }
  for (const line of table.split('\n')) {
    const [device = '', point = '', type = ''] = line.split(' ')
    const mountPoint = plain(point)
    const above = mountPoint === '/' || folder === mountPoint || folder.startsWith(`${mountPoint}/`)
    if (mountPoint !== '' && above && mountPoint.length >= best.mountPoint.length)
      best = { type, mountPoint, device: plain(device) }
  }
  return best
}

// A space is \040 there.
function plain(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}

const NETWORK: Record<string, string> = {
  nfs: 'NFS',
  nfs4: 'NFS',
  cifs: 'SMB',
  smb3: 'SMB',
  lustre: 'Lustre',
  gpfs: 'GPFS',
  beegfs: 'BeeGFS',
  ceph: 'CephFS',
  glusterfs: 'GlusterFS',
  afs: 'AFS',
  '9p': '9P',
  pvfs2: 'OrangeFS',
  orangefs: 'OrangeFS',
  wekafs: 'Weka',
  panfs: 'PanFS',
  gfs2: 'GFS2',
  ocfs2: 'OCFS2',
  virtiofs: 'virtiofs',
  vboxsf: 'a folder of the host',
}
const VOLATILE = new Set(['tmpfs', 'ramfs'])
const LAYERED = new Set(['overlay', 'aufs'])

/** What `mount` means for the state of a system that lies in `home`. */
export function judgeMount({ type, mountPoint, device }: Mount, home: string): Finding {
  const network = networkName(type)
  const found = `${network === undefined || network === type ? type : `${network} (${type})`} at ${mountPoint}, for ${home}`
  if (network !== undefined)
    return {
      ok: false,
      found: device === '' ? found : `${found}, from ${device}`,
      advice:
        'a network file system loses or delays what the broker syncs, and two hosts may write to it: set QUBUS_HOME to a folder on a local disk of the node that runs qubus up',
    }
  if (VOLATILE.has(type))
    return {
      ok: false,
      found,
      advice: 'this is memory, gone after a restart: set QUBUS_HOME to a folder on a local disk',
    }
  if (LAYERED.has(type))
    return {
      ok: true,
      found,
      advice:
        'this is a layer of a container, gone with it: to keep runs, mount a local disk into the container and set QUBUS_HOME there',
    }
  return { ok: true, found }
}

// Of those in user space, a block device is local; of the others nobody knows how they sync.
function networkName(type: string): string | undefined {
  const known = NETWORK[type.replace(/^fuse\./, '')]
  if (known !== undefined) return known
  return type === 'fuse' || type.startsWith('fuse.') ? type : undefined
}
