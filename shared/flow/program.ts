/** Programs: executables that a worker runs, with arguments as an array; nothing goes through a shell. */
import type { ProgramSpec } from '../contract/command.ts'
import { TaskFuture } from './future.ts'
import { bad, type ResourceOptions, type StepOptions, toPolicy } from './options.ts'
import { currentFlow } from './runtime.ts'

export type ProgramOptions = Omit<StepOptions, 'isolation'> &
  ResourceOptions & {
    /** Working directory on the worker's node. */
    cwd?: string
    /** Added to the worker's environment (which holds no credentials). */
    env?: Record<string, string>
    /** Given to standard input. */
    input?: string | Uint8Array
    /** Shown instead of the file's name. */
    name?: string
  }

export type ProgramResult = {
  exitCode: number
  /** The last 64 KiB of standard output; all of it is in the run's log. */
  stdout: string
  /** The last 64 KiB of standard error. */
  stderr: string
  seconds: number
}

/**
 * Runs an executable as a step. A non-zero exit code, or an end by a signal, fails the attempt, so retries fire.
 * @throws QubusError `INVALID_OPTION`.
 */
export function program(
  file: string,
  args: readonly (string | number)[] = [],
  options: ProgramOptions = {},
): TaskFuture<ProgramResult> {
  const what = `program(${JSON.stringify(file)})`
  if (typeof file !== 'string' || file === '')
    bad(what, 'the file', file, 'the name or path of an executable')
  if (!Array.isArray(args)) bad(what, 'the arguments', args, 'an array of strings')
  const { cwd, env, input, name, ...rest } = options
  for (const each of [file, ...args, cwd ?? '', ...Object.entries(env ?? {}).flat()]) {
    if (typeof each !== 'string' && typeof each !== 'number')
      bad(what, 'an argument', each, 'a string or number')
    if (String(each).includes('\0')) bad(what, 'an argument', each, 'a string without NUL characters')
  }
  const spec: ProgramSpec = { file, args: args.map(String) }
  if (cwd !== undefined) spec.cwd = cwd
  if (env !== undefined) spec.env = env
  if (input !== undefined) spec.input = input
  return TaskFuture.request<ProgramResult>(currentFlow('program'), {
    kind: 'program',
    name: name ?? file,
    value: spec,
    policy: toPolicy(what, rest),
  })
}
