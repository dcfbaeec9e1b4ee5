/** Verbs about what is kept: backups, and what is old. */
import type { Command } from 'commander'

const JSON_OPTION = ['--json', 'one JSON object a line on stdout'] as const

type Done = (exitCode: number) => void

export function addKeeping(program: Command, done: Done): void {
  program
    .command('backup')
    .summary('copy everything that is stored, while the system runs')
    .description(
      'Copies all that a system holds (runs and their state, results, blobs, flows, schedules, limits, signals) into DIR, of one moment, while it runs. Needs the credentials of the admin.',
    )
    .argument('<dir>', 'a new or empty folder; readable by its owner alone afterwards')
    .option(...JSON_OPTION)
    .action(async (dir, options) => done(await (await import('./verbs/backup.ts')).backup(dir, options)))
  program
    .command('restore')
    .summary('bring a backup into an empty home')
    .description(
      'Brings a backup into a home in which nothing was started yet (QUBUS_HOME); `qubus up` then goes on where the backup was made.',
    )
    .argument('<dir>', 'the folder that `qubus backup` filled')
    .option(...JSON_OPTION)
    .action(async (dir, options) => done(await (await import('./verbs/restore.ts')).restore(dir, options)))
  program
    .command('prune')
    .summary('remove runs that ended long ago')
    .description(
      'Removes runs that ended long ago, with their steps, logs, artifacts and results; blobs that nothing refers to any more follow within hours. Never what a run in progress needs. Their ids stay taken.',
    )
    .option('--older-than <time>', 'since their end, a day at least: 48h, 30d', '30d')
    .option('--dry-run', 'only say what would be removed')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/prune.ts')).prune(options)))
}
