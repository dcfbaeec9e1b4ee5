/** `qubus actor`: one actor in the foreground. */

import { actorFile } from '#infra/supervisor/actor-process.ts'
import type { ActorName } from '#shared/contract/registry.ts'
import { runChild } from '../child.ts'

export function actor(name: ActorName, flags: string[]): Promise<number> {
  return runChild(actorFile(name), flags)
}
