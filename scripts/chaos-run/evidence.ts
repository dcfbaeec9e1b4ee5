/** What is needed to understand and repeat a round that went wrong. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { homePaths } from '#shared/config/home.ts'
import type { RoundReport } from './report.ts'
import type { PlannedRound } from './round.ts'
import type { ChaosSystem } from './system.ts'

const TAIL_LINES = 12

/** Keeps the home, with the broker's store, and shows how to repeat the round. */
export async function keepEvidence(
  round: PlannedRound,
  told: RoundReport,
  system: ChaosSystem,
  say: (text: string) => void,
): Promise<void> {
  const { home, client } = system
  const live = await Promise.all(
    round.runs.map(async ({ run }) => (await client.inspect(run).catch(() => undefined)) ?? run),
  )
  const status = await client.status().catch(() => undefined)
  await writeFile(join(home, 'round.json'), JSON.stringify({ round, told, live, status }, undefined, 2))
  // What was mounted is gone with the system.
  await cp(homePaths(home).brokerStore, join(home, 'store-at-the-end'), { recursive: true }).catch(() => {})
  const { logs } = homePaths(home)
  for (const file of (await readdir(logs)).sort()) {
    const lines = (await readFile(join(logs, file), 'utf8').catch(() => '')).trimEnd().split('\n')
    if (lines.length > 1) say(`--- ${file}\n${lines.slice(-TAIL_LINES).join('\n')}`)
  }
  say(`kept: ${home} (round.json: the plan, and what was live; effects: what ran)`)
  say(`again: scripts/chaos --seed ${round.seed} --rounds 1`)
}
