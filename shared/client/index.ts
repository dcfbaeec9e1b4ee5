/** `qubus/client`. */

export type { Cancellation } from './cancel.ts'
export { type Client, connect } from './client.ts'
export type { EventOptions } from './events.ts'
export type { LogOptions, RunLogLine } from './log-lines.ts'
export type { RunOutcome, WaitOptions } from './outcome.ts'
export type { RunRequest } from './request.ts'
export type { RunOptions } from './run-flow.ts'
export type { ConnectOptions } from './session.ts'
export type { JobView, SystemStatus } from './status.ts'
