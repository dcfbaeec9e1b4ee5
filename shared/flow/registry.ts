/** The tasks and flows that a file defines, by name: how a worker finds the function that a command names. */
import { QubusError } from '../contract/errors.ts'
import type { FlowDefinition } from './flow.ts'
import type { TaskDefinition } from './task.ts'

export type Registry = { tasks: Map<string, TaskDefinition>; flows: Map<string, FlowDefinition> }

export const registry: Registry = { tasks: new Map(), flows: new Map() }

/** @throws QubusError `INVALID_NAME` when the name is empty or taken. */
export function register<T>(map: Map<string, T>, what: string, name: string, definition: T): void {
  if (typeof name !== 'string' || name.trim() === '' || name.length > 200) {
    throw new QubusError(
      'INVALID_NAME',
      `${what}(${JSON.stringify(name)}): a name of 1 to 200 characters is wanted`,
    )
  }
  if (map.has(name)) {
    throw new QubusError(
      'INVALID_NAME',
      `${what} ${JSON.stringify(name)} is defined twice in this file or what it imports: give one another name`,
    )
  }
  map.set(name, definition)
}
