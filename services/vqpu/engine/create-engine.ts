import { QubusError } from '#shared/contract/errors.ts'
import { createEmbeddedEngine, type EmbeddedOptions } from './embedded/embedded-engine.ts'
import type { Engine } from './engine.ts'

export type EngineOptions = EmbeddedOptions

/** Another engine plugs in with a line here. */
const ENGINES: Readonly<Record<string, (options: EngineOptions) => Promise<Engine>>> = {
  embedded: createEmbeddedEngine,
}

/** Starts an engine; resolves when it can take circuits. */
export async function createEngine(name: string, options: EngineOptions = {}): Promise<Engine> {
  if (!Object.hasOwn(ENGINES, name)) {
    const known = Object.keys(ENGINES)
    throw new QubusError('INVALID_OPTION', `unknown engine '${name}': known are ${known.join(', ')}`, {
      facts: { option: 'engine', got: name, known },
    })
  }
  return await ENGINES[name]!(options)
}
