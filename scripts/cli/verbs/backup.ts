/** `qubus backup DIR`: all that is stored, of one moment, while the system runs. */
import { resolve } from 'node:path'
import { backUp } from '#infra/backup/backup.ts'
import { connectBus } from '#shared/bus/connect.ts'
import { connectionFor, databaseUrlFrom } from '#shared/config/credentials.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { backupSummary, summaryText } from '../backup-summary.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'

export async function backup(dir: string, { json }: { json?: boolean }): Promise<number> {
  const environment = readEnvironment()
  const begun = performance.now()
  await using bus = await connectBus(await connectionFor('admin', environment), `backup-${process.pid}`)
  const folder = resolve(dir)
  const manifest = await backUp({ nc: bus.nc, databaseUrl: databaseUrlFrom(environment), folder, said: say })
  const summary = backupSummary(folder, manifest, begun)
  if (json) emit(summary)
  else say(`${summaryText(summary)} in ${folder}; it holds what users wrote: keep it as you keep the system`)
  return EXIT.done
}
