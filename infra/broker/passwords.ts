/** One password a user, made once and kept in the home, where actors and clients of this user find them. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { credentialsFile, homePaths } from '#shared/config/home.ts'
import { makePrivateFolder, writePrivate } from '../process/private-file.ts'
import { BROKER_USERS, type BrokerUser } from './permissions.ts'

/** Reads `<home>/credentials/<user>.json`, and makes those that are missing (0600, in a folder 0700). */
export async function keptPasswords(home: string): Promise<Record<BrokerUser, string>> {
  await makePrivateFolder(homePaths(home).credentials)
  const entries = await Promise.all(
    BROKER_USERS.map(async (user) => [user, await keptPassword(home, user)] as const),
  )
  return Object.fromEntries(entries) as Record<BrokerUser, string>
}

async function keptPassword(home: string, user: BrokerUser): Promise<string> {
  const file = credentialsFile(home, user)
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined) return (JSON.parse(kept) as { password: string }).password
  const password = randomBytes(32).toString('base64url')
  await writePrivate(file, `${JSON.stringify({ user, password })}\n`)
  return password
}
