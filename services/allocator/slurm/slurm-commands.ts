/** Slurm's commands, each with its arguments as a list: no shell, nothing of ours in its environment but the path. */
import { ExecaError, execa } from 'execa'
import { QubusError } from '#shared/contract/errors.ts'
import { QUEUE_FORMAT, type QueueEntry, readQueue } from './queue-line.ts'

/** A client gives up after some seconds by itself while the controller is away. */
const TIMEOUT_MS = 30_000

/** Slurm's words for what may be otherwise in a while. Everything else that `sbatch` says is a refusal. */
const PASSING = [
  /unable to contact slurm controller/i,
  /socket timed out/i,
  /temporarily unable/i,
  /resource temporarily unavailable/i,
  /connection refused/i,
  /zero bytes were transmitted/i,
  /unexpected message/i,
  /communication connection failure/i,
  /timed out/i,
  /protocol authentication error/i,
  /munge/i,
  /(max|limit).*(submit|jobs?)/i,
  /submit.*limit/i,
]

export type SlurmCommands = {
  /** Submits a script; returns Slurm's number of the job. @throws QubusError `ALLOCATION_REFUSED`, `ALLOCATION_FAILED`. */
  submit(script: string, signal?: AbortSignal): Promise<string>
  /** All of this user's jobs, also those that ended a while ago. @throws QubusError `ALLOCATION_FAILED`. */
  queue(signal?: AbortSignal): Promise<QueueEntry[]>
  /** Without a signal: ends the job, by force in the end. With one: tells the batch script alone. */
  cancel(id: string, signal?: 'TERM'): Promise<void>
}

/** @param environment of whoever asks: the path, and where Slurm's configuration is. */
export function slurmCommands(environment: Readonly<Record<string, string | undefined>>): SlurmCommands {
  const run = async (
    command: string,
    args: string[],
    options: { input?: string; cancelSignal?: AbortSignal | undefined } = {},
  ): Promise<string> => {
    const { cancelSignal, ...rest } = options
    try {
      const { stdout } = await execa(command, args, {
        ...rest,
        ...(cancelSignal === undefined ? {} : { cancelSignal }),
        ...(options.input === undefined ? { stdin: 'ignore' } : {}),
        env: clientEnvironment(environment),
        extendEnv: false,
        timeout: TIMEOUT_MS,
      })
      return stdout
    } catch (error) {
      throw failureOf(command, error)
    }
  }
  return {
    async submit(script, cancelSignal) {
      // Other clusters of a federation are named behind a semicolon.
      const said = await run('sbatch', ['--parsable'], { input: script, cancelSignal })
      const id = said.trim().split('\n').at(-1)?.split(';')[0] ?? ''
      if (!/^\d+$/.test(id))
        throw new QubusError(
          'ALLOCATION_FAILED',
          `sbatch did not say the number of the job, but ${JSON.stringify(id)}`,
        )
      return id
    },
    async queue(cancelSignal) {
      const args = ['--me', '--noheader', '--states=all', `--format=${QUEUE_FORMAT}`]
      return readQueue(await run('squeue', args, { cancelSignal }))
    },
    async cancel(id, signal) {
      await run('scancel', signal === undefined ? [id] : ['--batch', `--signal=${signal}`, id]).catch(
        (error: QubusError) => {
          // It had ended.
          if (!/invalid job id|already completing|completed/i.test(error.message)) throw error
        },
      )
    },
  }
}

// Formats and filters that people set for themselves would change what the commands say.
function clientEnvironment(from: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(from).filter(
    ([name, value]) => value !== undefined && !/^(SQUEUE|SBATCH|SCANCEL|SLURM_TIME_FORMAT)/.test(name),
  ) as [string, string][]
  return { ...Object.fromEntries(kept), LC_ALL: 'C' }
}

function failureOf(command: string, error: unknown): QubusError {
  if (!(error instanceof ExecaError)) throw error
  const said = [error.stderr, error.stdout]
    .map((text) => String(text ?? '').trim())
    .find((text) => text !== '')
  const words = said === undefined ? error.shortMessage : wordsOf(said)
  if (error.code === 'ENOENT')
    return new QubusError(
      'ALLOCATION_REFUSED',
      `${command} is not on the PATH: run the allocator on a host with Slurm's commands, or use pools with scheduler: local`,
      { cause: error },
    )
  const passing =
    error.timedOut || error.isCanceled || said === undefined || PASSING.some((each) => each.test(words))
  return new QubusError(passing ? 'ALLOCATION_FAILED' : 'ALLOCATION_REFUSED', `${command}: ${words}`, {
    cause: error,
  })
}

/** Slurm's own words, without the prefixes that every line has. */
function wordsOf(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => line.replace(/^\w+: error: /, '').trim())
    .join('; ')
}
