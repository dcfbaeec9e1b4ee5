/**
 * What a job gets of its user's login when it asks for no environment of its submitter (`--export=NONE`): written down
 * beforehand for each user of this host. Slurm would run a login shell for every job, whose start-up files may take
 * seconds, want a lock, or be killed with the node while they hold it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LabFolder } from './folder.ts'

export type HostUser = { name: string; home: string; shell: string }

export async function writeLoginEnvironments(folder: LabFolder): Promise<void> {
  await mkdir(folder.logins, { mode: 0o700 })
  const users = usersIn(await readFile('/etc/passwd', 'utf8'))
  await Promise.all(
    users.map((user) =>
      writeFile(join(folder.logins, user.name), loginEnvironment(user).join('\n').concat('\n'), {
        mode: 0o600,
      }),
    ),
  )
}

export function usersIn(passwd: string): HostUser[] {
  return passwd.split('\n').flatMap((line) => {
    const [name = '', , , , , home = '/', shell = '/bin/sh'] = line.split(':')
    return /^[\w.-]+$/.test(name) ? [{ name, home, shell }] : []
  })
}

export function loginEnvironment({ name, home, shell }: HostUser): string[] {
  return [
    `HOME=${home}`,
    `USER=${name}`,
    `LOGNAME=${name}`,
    `SHELL=${shell}`,
    'PATH=/usr/local/bin:/usr/bin:/bin',
  ]
}
