/** What a coordinator and its flow threads say to each other. Both are of one version: nothing here is a contract. */
import type { Failure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { FlowRetry } from '#shared/contract/run-record.ts'
import type { StepKind } from '#shared/contract/step-record.ts'
import type { StepPolicy } from '#shared/flow/runtime.ts'
import type { CompactSteps } from './compact.ts'

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
  /** Of the range that begins at `first` no more than so many steps will have an outcome. */
  | { kind: 'cut'; first: number; count: number }
  /** To be said back when all before it was delivered. */
  | { kind: 'mark'; mark: number }

export type WantedStep = {
  step: number
  kind: StepKind
  name: string
  label?: string | undefined
  digest: string
  value: Uint8Array
  policy: StepPolicy
}

/** Steps `first` to `first + count - 1`, alike but for their values, which lie one after the other in `bytes`. */
export type WantedRange = {
  first: number
  count: number
  kind: StepKind
  name: string
  policy: StepPolicy
  bytes: Uint8Array
  /** Where each value ends: the bytes of a Uint32Array. */
  ends: Uint8Array
  concurrency?: number | undefined
  /** Each was asked for by itself and has a future of its own. */
  apart?: boolean
}

/** Where a run's flow begins: what an attempt of the flow has of its own. */
export type FlowStart = {
  run: string
  bundle: BundleRef
  params: Uint8Array
  /** What time and chance begin from. */
  origin: { run: string; at: number }
  /** Of the flow as a whole. */
  attempt: number
  /** Its steps are numbered from `base + 1`. */
  base: number
  /** The log holds something: where each step was asked for is kept, to be named when the log holds another. */
  replay?: boolean
}

export type ToThread =
  | { type: 'check'; id: number; bundle: BundleRef; params: Uint8Array; now: number }
  | ({ type: 'start'; key: RunKey } & FlowStart)
  | { type: 'items'; key: RunKey; items: readonly (readonly unknown[])[] }
  /** Run the side effect of this step: the log has no outcome for it. */
  | { type: 'execute'; key: RunKey; step: number }
  | { type: 'drop'; key: RunKey }
  | { type: 'ping'; id: number }

export type Checked =
  | { ok: true; name: string; timeoutSeconds?: number | undefined; retry?: FlowRetry | undefined }
  | { ok: false; error: Failure }

export type FlowEnd = {
  state: 'completed' | 'failed' | 'cancelled'
  result?: Uint8Array | undefined
  error?: Failure | undefined
  steps: number
}

export type FromThread =
  | { type: 'checked'; id: number; checked: Checked }
  | { type: 'steps'; key: RunKey; steps: CompactSteps }
  | { type: 'range'; key: RunKey; range: WantedRange }
  | { type: 'cancel-step'; key: RunKey; step: number }
  /** Nothing more of the range that begins at `first` need be begun; `all`: what has begun is to be cancelled. */
  | { type: 'stop-range'; key: RunKey; first: number; all: boolean }
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
  | { type: 'mark'; key: RunKey; mark: number }
  | { type: 'pong'; id: number }
