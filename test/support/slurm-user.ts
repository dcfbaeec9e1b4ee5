/** Slurm's commands as some user of a lab calls them. */
import { execa, type Options } from 'execa'
import type { Lab } from '#infra/slurm-lab/lab.ts'

export type SlurmUser = {
  /** What the command said; fails when it did. */
  run(command: string, ...args: string[]): Promise<string>
  /** Submits a script that is handed over on stdin, and answers the job's id. */
  submit(script: string, ...options: string[]): Promise<string>
  /** A field of `scontrol show job`, as `JobState` or `Reason`. */
  fieldOf(job: string, field: string): Promise<string | undefined>
}

export const NOBODY = 65534

/** @param uid by default our own; {@link NOBODY} is an ordinary user that every host has. */
export function slurmUser({ environment }: Lab, uid?: number): SlurmUser {
  const options: Options = {
    env: { PATH: '/usr/bin:/bin', ...environment },
    extendEnv: false,
    cwd: '/tmp',
    ...(uid === undefined ? {} : { uid, gid: uid }),
  }
  const run = async (command: string, ...args: string[]): Promise<string> => {
    const { stdout } = await execa(command, args, { ...options, stdin: 'ignore' })
    return String(stdout)
  }
  return {
    run,
    async submit(script, ...args) {
      const { stdout } = await execa('sbatch', ['--parsable', '--export=NONE', ...args], {
        ...options,
        input: script,
      })
      return String(stdout).trim()
    },
    async fieldOf(job, field) {
      const text = await run('scontrol', '--oneliner', 'show', 'job', job)
      return new RegExp(`\\b${field}=(\\S*)`).exec(text)?.[1]
    },
  }
}
