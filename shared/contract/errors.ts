/** The one catalogue of errors: what each code means and whether trying again may help. */

type Kind = 'usage' | 'terminal' | 'retryable' | 'system'

/** `usage`: fix the input (exit code 2). `terminal`: never retried. `retryable`: an attempt that may succeed next time. `system`: the system can't be reached or is in a bad state (exit code 3). */
export const ERRORS = {
  INVALID_NAME: { kind: 'usage', means: 'A name has a character that a subject token may not have.' },
  INVALID_INPUT: { kind: 'usage', means: "A flow's parameters don't fit its input schema." },
  INVALID_REQUEST: { kind: 'usage', means: 'A flow request is malformed.' },
  INVALID_OPTION: { kind: 'usage', means: 'An option of a task, flow, program or circuit has a bad value.' },
  REQUEST_CONFLICT: { kind: 'usage', means: 'The run id was used before with other parameters.' },
  UNKNOWN_FLOW: { kind: 'usage', means: 'No flow of that name is in the bundle, or published, or built in.' },
  UNKNOWN_TASK: {
    kind: 'terminal',
    means: 'No task of that name is in the bundle: it was defined inside a flow or conditionally.',
  },
  UNKNOWN_POOL: { kind: 'terminal', means: 'The cluster file has no pool of that name.' },
  UNKNOWN_DEVICE: { kind: 'terminal', means: 'No device of that name exists.' },
  UNKNOWN_LIMIT: { kind: 'terminal', means: 'No concurrency limit of that name is set.' },
  NOT_RESUMABLE: { kind: 'usage', means: 'The run can not go on from where it failed.' },
  VERSION_UNSUPPORTED: {
    kind: 'terminal',
    means: 'The run was started by a version of Qubus whose log this one can not go on with.',
  },
  UNKNOWN_LETTER: { kind: 'usage', means: 'No dead letter of that number is kept.' },
  NOT_REPLAYABLE: {
    kind: 'usage',
    means: 'The dead letter can not be put back, or not all that a replay of the run needs is kept.',
  },
  UNKNOWN_RUN: { kind: 'usage', means: 'No run of that id is known.' },
  BUNDLE_FAILED: { kind: 'usage', means: 'The flow file could not be bundled or loaded.' },
  UNENCODABLE: {
    kind: 'terminal',
    means: 'A value holds something that cannot travel, such as a function or a class instance.',
  },
  BLOB_MISSING: { kind: 'retryable', means: 'A blob that a message refers to is not in the store.' },
  BLOB_CORRUPT: { kind: 'retryable', means: "A blob's content does not have the SHA-256 that names it." },
  TASK_FAILED: { kind: 'retryable', means: 'A task function threw.' },
  OUT_OF_MEMORY: { kind: 'retryable', means: 'The attempt used more memory than it may.' },
  PROGRAM_FAILED: { kind: 'retryable', means: 'A program ended with a non-zero exit code or by a signal.' },
  PROGRAM_NOT_FOUND: {
    kind: 'terminal',
    means: 'A program or its working directory does not exist or may not be executed.',
  },
  TIMEOUT: { kind: 'retryable', means: 'The attempt took longer than its time-out.' },
  RUN_TIMEOUT: { kind: 'terminal', means: 'The run took longer than its time-out.' },
  LOST: { kind: 'terminal', means: 'The attempt was lost with its worker more often than is allowed.' },
  CANCELLED: { kind: 'terminal', means: 'The run, or this step, was cancelled.' },
  TERMINAL: { kind: 'terminal', means: 'The code threw TerminalError: retrying cannot help.' },
  FLOW_FAILED: { kind: 'terminal', means: 'The flow function threw.' },
  FLOW_STALLED: { kind: 'terminal', means: 'The flow kept its thread busy without giving way.' },
  NON_DETERMINISTIC: { kind: 'terminal', means: 'A replay asked for other steps than the log holds.' },
  FORBIDDEN_IN_FLOW: {
    kind: 'terminal',
    means: 'Flow code used the outside world directly; use a task, sideEffect or sleep.',
  },
  UNHANDLED_REJECTION: { kind: 'terminal', means: 'A promise rejected and nobody looked.' },
  CIRCUIT_INVALID: { kind: 'terminal', means: 'A circuit could not be read; line and column say where.' },
  CIRCUIT_UNSUPPORTED: {
    kind: 'terminal',
    means: 'No device can run the circuit; the message says what it lacks.',
  },
  ENGINE_FAILED: { kind: 'retryable', means: 'The engine failed while running a circuit.' },
  DEVICE_GONE: { kind: 'retryable', means: 'The device ended before the circuit ran.' },
  ALLOCATION_FAILED: { kind: 'retryable', means: 'The scheduler could not give or keep the allocation.' },
  ALLOCATION_REFUSED: { kind: 'terminal', means: 'The scheduler refused the allocation for good.' },
  POISON: { kind: 'terminal', means: 'A message could not be decoded.' },
  STREAM_FULL: {
    kind: 'retryable',
    means: 'A stream reached its limit; admission stops until space comes back.',
  },
  UNREACHABLE: { kind: 'system', means: 'The broker, Postgres or an actor does not answer.' },
  NOT_RUNNING: { kind: 'system', means: 'No Qubus system runs on this home.' },
  BAD_ENVIRONMENT: { kind: 'usage', means: 'An environment variable or credentials file has a bad value.' },
  BACKUP_FAILED: { kind: 'terminal', means: 'The system could not be backed up.' },
  BACKUP_INVALID: { kind: 'usage', means: 'The folder holds no backup that this version can restore.' },
  NOT_EMPTY: { kind: 'usage', means: 'A backup can only be restored into a system that holds nothing.' },
  INTERNAL: { kind: 'system', means: 'A bug in Qubus.' },
} as const satisfies Record<string, { kind: Kind; means: string }>

export type ErrorCode = keyof typeof ERRORS

/** Facts that go with an error: fields, never to be parsed out of the message. */
export type ErrorFacts = Record<string, unknown>

const KINDS = Symbol.for('qubus.error.kinds')
const CODE = Symbol.for('qubus.error.code')

/**
 * Any error that Qubus itself raises. `code` is a key of {@link ERRORS}, but for an error of a task whose author gave it
 * another ({@link codeOf}). A flow's bundle has a copy of this module of its own, so `instanceof` goes by what an error
 * says it is.
 */
export class QubusError extends Error {
  static readonly kinds: readonly string[] = ['QubusError']
  readonly code: ErrorCode
  readonly facts: ErrorFacts

  // The subclasses have it too: `this` is whichever class was asked for.
  // biome-ignore-start lint/complexity/noThisInStatic: see above
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
    // Somebody's own class of errors is none of ours.
    if (!Object.hasOwn(this, 'kinds')) return false
    const kinds = (value as { [KINDS]?: readonly string[] } | null | undefined)?.[KINDS]
    return kinds?.includes(this.kinds[0] as string) ?? false
  }
  // biome-ignore-end lint/complexity/noThisInStatic: see above

  get [KINDS](): readonly string[] {
    return (this.constructor as typeof QubusError).kinds
  }

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; facts?: ErrorFacts } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'QubusError'
    this.code = code
    Object.defineProperty(this, CODE, { value: code })
    this.facts = options.facts ?? {}
  }
}

/** Throw it in a task, program hook or flow to say that retrying cannot help. */
export class TerminalError extends QubusError {
  static override readonly kinds = ['TerminalError', 'QubusError']

  constructor(message: string, options: { cause?: unknown; facts?: ErrorFacts } = {}) {
    super('TERMINAL', message, options)
    this.name = 'TerminalError'
  }
}

/** What a flow sees when its run, or one of its steps, was cancelled. */
export class CancelledError extends QubusError {
  static override readonly kinds = ['CancelledError', 'QubusError']

  constructor(message = 'cancelled', options: { cause?: unknown; facts?: ErrorFacts } = {}) {
    super('CANCELLED', message, options)
    this.name = 'CancelledError'
  }
}

/** A replay asked for something else than the log holds; the message shows both. */
export class NonDeterministicFlowError extends QubusError {
  static override readonly kinds = ['NonDeterministicFlowError', 'QubusError']

  constructor(message: string, facts: ErrorFacts = {}, cause?: unknown) {
    super('NON_DETERMINISTIC', message, { facts, cause })
    this.name = 'NonDeterministicFlowError'
  }
}

/**
 * What a flow sees when a step ended badly: the error of the last attempt, with the name, message, stack, cause and own
 * properties that it had where it was thrown. Tell kinds apart by `name`: the class itself stays where it was thrown.
 */
export class StepError extends QubusError {
  static override readonly kinds = ['StepError', 'QubusError']

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; facts?: ErrorFacts } = {}) {
    super(code, message, options)
    this.name = 'StepError'
  }
}

/**
 * The code of the catalogue that an error has, whichever `code` its author gave it; undefined for what is not of ours.
 * An error of another copy of this module (a bundle carries its own) is known by its code, not its class.
 */
export function codeOf(error: unknown): ErrorCode | undefined {
  const { code, [CODE]: kept } = (error ?? {}) as { code?: unknown; [CODE]?: unknown }
  return [kept, code].find(
    (each): each is ErrorCode => typeof each === 'string' && Object.hasOwn(ERRORS, each),
  )
}

/** Whether another attempt may succeed. An error that is not ours came from user code: yes. */
export function isRetryable(code: string): boolean {
  const kind = (ERRORS as Record<string, { kind: Kind }>)[code]?.kind
  return kind === undefined || kind === 'retryable' || kind === 'system'
}
