/** The script of a job: a pure function of what the job is and what the site wants. */

import type { SlurmJobs } from '#shared/cluster/cluster.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { JOB_VARIABLE } from '../local/sweep-orphans.ts'
import type { JobSpec } from '../scheduler.ts'

export type ScriptPlace = {
  /** The program that runs the actor's file: an absolute path that every node has. */
  node: readonly string[]
  /** What the job prints goes there. */
  log: string
}

/** So long before the walltime is over an actor is asked to end: it takes 20 s, and Slurm looks at limits now and then. */
export const END_SIGNAL_SECONDS = 60

/** What the submitting host says of itself: on the node, Slurm and the site say it. */
const OF_THIS_HOST = new Set([
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'CUDA_VISIBLE_DEVICES',
  'ROCR_VISIBLE_DEVICES',
  'HIP_VISIBLE_DEVICES',
])

/**
 * A batch script for `sbatch`, to be given on its standard input. Everything that comes from a cluster file stands in
 * it as it is written there (directives, prologue, shebang); everything else is quoted. Nothing of a flow's input
 * reaches it but through the name of the job, which is a token.
 * @throws QubusError `ALLOCATION_REFUSED` for a directive or shebang of more than one line.
 */
export function jobScript(spec: JobSpec, slurm: SlurmJobs, place: ScriptPlace): string {
  const shebang = oneLine('shebang', slurm.shebang.startsWith('#!') ? slurm.shebang : `#!${slurm.shebang}`)
  return `${[
    shebang,
    ...directives(spec, slurm, place).map((directive) => `#SBATCH ${directive}`),
    '',
    // Without it, steps that the job starts with srun would begin with an empty environment: --export is inherited.
    'export SLURM_EXPORT_ENV=ALL',
    ...Object.entries(spec.environment)
      .filter(([name]) => !OF_THIS_HOST.has(name))
      .map(([name, value]) => `export ${name}=${quote(value)}`),
    `export ${JOB_VARIABLE}=${quote(spec.name)}`,
    ...(spec.walltimeSeconds === undefined
      ? []
      : [`export QUBUS_JOB_ENDS_AT=$(($(date +%s) + ${Math.ceil(spec.walltimeSeconds)}))`]),
    ...(slurm.localDirectory === undefined ? [] : [`export TMPDIR=${quote(slurm.localDirectory)}`]),
    ...slurm.prologue,
    // In the place of the shell, so that signals for the job reach the actor.
    `exec ${[...place.node, ...spec.argv].map(quote).join(' ')}`,
  ].join('\n')}\n`
}

function directives(spec: JobSpec, slurm: SlurmJobs, { log }: ScriptPlace): string[] {
  const memory = slurm.jobMemory ?? (spec.memoryBytes === undefined ? undefined : megabytes(spec.memoryBytes))
  const ours = [
    `--job-name=${spec.name}`,
    ...(slurm.partition === undefined ? [] : [`--partition=${slurm.partition}`]),
    ...(slurm.account === undefined ? [] : [`--account=${slurm.account}`]),
    '--ntasks=1',
    `--cpus-per-task=${slurm.jobCpu ?? spec.cores}`,
    ...(memory === undefined ? [] : [`--mem=${memory}`]),
    ...(spec.walltimeSeconds === undefined
      ? []
      : [`--time=${walltime(spec.walltimeSeconds)}`, `--signal=B:TERM@${END_SIGNAL_SECONDS}`]),
    `--output=${log.replaceAll('%', '%%')}`,
    '--open-mode=append',
    '--export=NONE',
  ]
  const kept = ours.filter((each) => !slurm.skippedDirectives.some((skipped) => each.includes(skipped)))
  return [...kept, ...slurm.directives].map((each) => oneLine('directive', each))
}

/** `D-HH:MM:SS`, which every Slurm reads. */
export function walltime(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds))
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0')
  return `${Math.floor(whole / 86_400)}-${two((whole % 86_400) / 3600)}:${two((whole % 3600) / 60)}:${two(whole % 60)}`
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)}M`
}

/** For a POSIX shell: nothing within is expanded. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

// A line break would make two of one: what follows would be run as a command.
function oneLine(what: string, text: string): string {
  if (/[\r\n]/.test(text))
    throw new QubusError(
      'ALLOCATION_REFUSED',
      `found a ${what} of more than one line, ${JSON.stringify(text)}: write each ${what} in a line of its own`,
    )
  return text
}
