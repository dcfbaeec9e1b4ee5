/** What a coordinator and its flow threads say to each other. Both are of one version: nothing here is a contract. */
import type { Failure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { StepKind } from '#shared/contract/step-record.ts'
import type { StepPolicy } from '#shared/flow/runtime.ts'

/** One run in one thread; a run that is moved to another thread gets a new key. */
export type RunKey = string

export type BundleRef = { file: string; flow: string }

/** Something that the log delivers to the flow. `at`: Unix milliseconds at which the log took it. */
export type LogItem =
  | {
      kind: 'outcome'
      step: number
      at: number
      state: 'completed' | 'failed' | 'cancelled'
      digest: string
      name: string
      result?: Uint8Array | undefined
      error?: Failure | undefined
    }
  | { kind: 'attempt'; step: number; at: number }
  | { kind: 'cancel'; at: number; reason: string }

export type WantedStep = {
  step: number
  kind: StepKind
  name: string
  label?: string | undefined
  digest: string
  value: Uint8Array
  policy: StepPolicy
}

export type ToThread =
  | { type: 'check'; id: number; bundle: BundleRef; params: Uint8Array; now: number }
  | { type: 'start'; key: RunKey; run: string; bundle: BundleRef; params: Uint8Array; startedAt: number }
  | { type: 'items'; key: RunKey; items: LogItem[] }
  /** Run the side effect of this step: the log has no outcome for it. */
  | { type: 'execute'; key: RunKey; step: number }
  | { type: 'drop'; key: RunKey }
  | { type: 'ping'; id: number }

export type Checked =
  | { ok: true; name: string; timeoutSeconds?: number | undefined }
  | { ok: false; error: Failure }

export type FlowEnd = {
  state: 'completed' | 'failed' | 'cancelled'
  result?: Uint8Array | undefined
  error?: Failure | undefined
  steps: number
}

export type FromThread =
  | { type: 'checked'; id: number; checked: Checked }
  | { type: 'steps'; key: RunKey; steps: WantedStep[] }
  | { type: 'cancel-step'; key: RunKey; step: number }
  /** The side effect of this step came to this. */
  | {
      type: 'effect'
      key: RunKey
      step: number
      result?: Uint8Array | undefined
      error?: Failure | undefined
    }
  /** `step`: of the side effect that says it, or 0 for the flow itself. */
  | { type: 'log'; key: RunKey; step: number; first: number; lines: LogLine[] }
  | { type: 'end'; key: RunKey; end: FlowEnd }
  | { type: 'pong'; id: number }
