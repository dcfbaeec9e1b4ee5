/** Runs one executable in a process group of its own, without a shell, and ends the whole group when it must end. */
import { execa } from 'execa'
import type { ProgramSpec } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type LineSplitter, lineSplitter } from './line-splitter.ts'
import { tailOf } from './tail.ts'

export type ProgramOutput = { exitCode: number; stdout: string; stderr: string; seconds: number }

export type RunProgramOptions = {
  environment: NodeJS.ProcessEnv
  onLine(stream: 'stdout' | 'stderr', line: string): void
}

export type RunningProgram = {
  /** @throws QubusError `PROGRAM_FAILED` (non-zero exit code or signal), `PROGRAM_NOT_FOUND`, or the reason it was ended. */
  result: Promise<ProgramOutput>
  /** TERM to the process group, KILL after a while. */
  end(reason: QubusError): void
  /** Of its processes; undefined when it could not be started. */
  group: number | undefined
}

/** Bytes of each stream that the result keeps. */
const TAIL_BYTES = 64 * 1024
const GRACE_MS = 5_000
/** After the program's own end, this long for what it started. */
const LEFTOVERS_MS = 500

export function runProgram(spec: ProgramSpec, options: RunProgramOptions): RunningProgram {
  const from = performance.now()
  const child = execa(spec.file, spec.args, {
    cwd: spec.cwd,
    env: { ...options.environment, ...spec.env },
    extendEnv: false,
    input: spec.input ?? new Uint8Array(),
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    encoding: 'buffer',
    stripFinalNewline: false,
  })
  const group = child.pid
  let reason: QubusError | undefined
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (group !== undefined) process.kill(-group, name)
    } catch {}
  }
  const splitters: LineSplitter[] = []
  const tails = { stdout: tailOf(TAIL_BYTES), stderr: tailOf(TAIL_BYTES) }
  for (const stream of ['stdout', 'stderr'] as const) {
    const lines = lineSplitter((line) => options.onLine(stream, line))
    splitters.push(lines)
    child[stream]?.on('data', (chunk: Uint8Array) => {
      tails[stream].add(chunk)
      lines.add(chunk)
    })
  }
  // What it left in its group would hold its output open, or go on beside a later attempt. What left the group may stay,
  // but the step does not wait for it.
  child.nodeChildProcess.once('exit', () => {
    setTimeout(() => signal('SIGKILL'), LEFTOVERS_MS).unref()
    const letGo = setTimeout(() => {
      child.stdout?.destroy()
      child.stderr?.destroy()
    }, LEFTOVERS_MS * 2)
    child.nodeChildProcess.once('close', () => clearTimeout(letGo))
  })
  return {
    group,
    result: finish(),
    end(why) {
      if (reason) return
      reason = why
      signal('SIGTERM')
      setTimeout(() => signal('SIGKILL'), GRACE_MS).unref()
    },
  }

  async function finish(): Promise<ProgramOutput> {
    const ended = await child
    for (const lines of splitters) lines.end()
    const seconds = (performance.now() - from) / 1000
    const stdout = tails.stdout.text()
    const stderr = tails.stderr.text()
    if (reason) throw reason
    if (ended.exitCode === 0) return { exitCode: 0, stdout, stderr, seconds }
    throw failure(spec, ended, { stdout, stderr, seconds })
  }
}

type Ended = {
  exitCode?: number | undefined
  signal?: string | undefined
  code?: string | undefined
  cause?: unknown
  originalMessage?: string | undefined
}

function failure(
  spec: ProgramSpec,
  ended: Ended,
  output: { stdout: string; stderr: string; seconds: number },
): QubusError {
  const file = JSON.stringify(spec.file)
  if (ended.exitCode === undefined && ended.signal === undefined) {
    const code = ended.code ?? (ended.cause as { code?: string } | undefined)?.code
    const where = spec.cwd === undefined ? '' : ` in ${JSON.stringify(spec.cwd)}`
    return new QubusError(
      'PROGRAM_NOT_FOUND',
      `the program ${file} could not be started${where}: ${ended.originalMessage ?? code ?? 'unknown reason'}`,
      {
        facts: { file: spec.file, ...(code === undefined ? {} : { errno: code }) },
      },
    )
  }
  const how = ended.signal === undefined ? `exit code ${ended.exitCode}` : `signal ${ended.signal}`
  const last = output.stderr.trimEnd().split('\n').at(-1)?.slice(0, 500)
  return new QubusError('PROGRAM_FAILED', `the program ${file} ended with ${how}${last ? `: ${last}` : ''}`, {
    facts: {
      exitCode: ended.exitCode,
      signal: ended.signal,
      stdout: output.stdout.slice(-4000),
      stderr: output.stderr.slice(-4000),
      seconds: output.seconds,
    },
  })
}
