/** What jobs of these tests say of themselves when they start. */
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TempHome, tempHome } from '../support/temp-home.ts'

export type JobStart = { node: string; pids: number[] }

/** Says where it runs and as which process, and stays. */
export const STAYING = '#!/bin/sh\necho "$SLURMD_NODENAME $$"\nexec sleep 1000\n'

/** The same with a second process, which has left the job's session. */
export const STAYING_TWICE =
  '#!/bin/sh\nsetsid sleep 1000 &\necho "$SLURMD_NODENAME $$ $!"\nexec sleep 1000\n'

/** What a job has written into `file`: its node and its processes. */
export async function startOf({ path }: TempHome, file: string): Promise<JobStart | undefined> {
  const text = await readFile(join(path, file), 'utf8').catch(() => '')
  if (!text.endsWith('\n')) return undefined
  const [node = '', ...pids] = text.trim().split(' ')
  return { node, pids: pids.map(Number) }
}

/** A folder that any user's job may write to. */
export async function openFolder(): Promise<TempHome> {
  const home = await tempHome()
  await chmod(home.path, 0o777)
  return home
}
