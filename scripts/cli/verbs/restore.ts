/** `qubus restore DIR`: a backup into an empty home. */
import { resolve } from 'node:path'
import { restoreHome } from '#infra/backup/restore-home.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { backupSummary, summaryText } from '../backup-summary.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'

export async function restore(dir: string, { json }: { json?: boolean }): Promise<number> {
  const environment = readEnvironment()
  const begun = performance.now()
  const folder = resolve(dir)
  const manifest = await restoreHome(environment, folder, say)
  const summary = backupSummary(folder, manifest, begun)
  if (json) emit({ ...summary, home: environment.home })
  else say(`${summaryText(summary)} of ${summary.at} are in ${environment.home}; qubus up goes on`)
  return EXIT.done
}
