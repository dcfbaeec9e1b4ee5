/** What differs from call to call in ordinary code, and must not between a run and its replay. */
import { TaskFuture } from './future.ts'
import { bad } from './options.ts'
import { currentFlow } from './runtime.ts'

/** Waits durably: the end is recorded, so a coordinator that dies does not start it anew. */
export function sleep(seconds: number): TaskFuture<void> {
  if (!(typeof seconds === 'number' && seconds >= 0 && Number.isFinite(seconds)))
    bad('sleep', 'the time', seconds, 'a number of seconds from 0')
  return TaskFuture.request<void>(currentFlow('sleep'), {
    kind: 'sleep',
    name: 'sleep',
    value: seconds,
    policy: {},
  })
}

/** Unix milliseconds of what the log delivered last: the same at every replay. */
export function now(): number {
  return currentFlow('now').now()
}

/** A number from 0 (inclusive) to 1 (exclusive): the same at every replay. */
export function random(): number {
  return currentFlow('random').random()
}

/** A version 4 UUID: the same at every replay. */
export function uuid(): string {
  return currentFlow('uuid').uuid()
}

/**
 * Runs `fn` in the flow's thread and records what it returns; a replay takes the record. It may use the outside world.
 * It runs again if the coordinator dies before the record is durable: for real work use a task.
 */
export function sideEffect<T>(fn: () => T | Promise<T>): TaskFuture<T>
export function sideEffect<T>(name: string, fn: () => T | Promise<T>): TaskFuture<T>
export function sideEffect<T>(
  first: string | (() => T | Promise<T>),
  second?: () => T | Promise<T>,
): TaskFuture<T> {
  const fn = typeof first === 'string' ? second : first
  const name = typeof first === 'string' ? first : first.name || 'side effect'
  if (typeof fn !== 'function') bad('sideEffect', 'the last argument', fn, 'a function')
  return TaskFuture.request<T>(currentFlow('sideEffect'), {
    kind: 'side-effect',
    name,
    value: undefined,
    policy: {},
    execute: fn as () => unknown,
  })
}
