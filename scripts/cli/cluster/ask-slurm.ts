/** Asks the Slurm at hand what it has. */
import { userInfo } from 'node:os'
import { execa } from 'execa'
import { readAccounts, readSinfo, SINFO, type SlurmSays, sacctmgr } from './slurm-says.ts'

/** A controller that is away makes its commands wait for long. */
const PATIENCE_MS = 15_000

/** @returns what it said; why it said nothing; or undefined where there is no Slurm. */
export async function askSlurm(): Promise<{ says: SlurmSays } | { silent: string } | undefined> {
  const [partitions, accounts] = await Promise.all([ask(SINFO), ask(sacctmgr(userInfo().username))])
  if (partitions === undefined) return undefined
  if ('why' in partitions) return { silent: partitions.why }
  const known = accounts !== undefined && 'text' in accounts ? readAccounts(accounts.text) : undefined
  return { says: { partitions: readSinfo(partitions.text), accounts: known } }
}

type Answer = { text: string } | { why: string }

/** @returns undefined where there is no such program. */
async function ask([program, ...args]: readonly [string, ...string[]]): Promise<Answer | undefined> {
  const { code, failed, timedOut, stdout, stderr, shortMessage } = await execa(program, args, {
    reject: false,
    stdin: 'ignore',
    timeout: PATIENCE_MS,
    env: { LC_ALL: 'C' },
  })
  if (!failed) return { text: stdout }
  if (code === 'ENOENT') return undefined
  if (timedOut) return { why: `${program} did not answer within ${PATIENCE_MS / 1000} s` }
  const said = stderr.trim().split('\n').at(-1) ?? ''
  return { why: said === '' ? (shortMessage ?? `${program} failed`) : said }
}
