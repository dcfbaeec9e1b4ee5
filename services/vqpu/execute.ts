/** Runs one circuit and says what is to be recorded. Never throws: whatever goes wrong is a record too. */

import { attemptDraft, outcomeDraft } from '#shared/actor/step-records.ts'
import type { Blobs } from '#shared/bus/blobs.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import type { CircuitResult } from '#shared/contract/circuit-result.ts'
import { CircuitSpec } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { circuitFailure } from './circuit-failure.ts'
import type { Engine, EngineResult } from './engine/engine.ts'
import { type HeldCircuit, keyOf } from './held-circuit.ts'
import type { DevicePlace } from './place.ts'

/** `seconds`: inside the engine. */
export type Executed = { record: Draft; seconds: number; failure?: Failure }

export async function execute(
  engine: Engine,
  blobs: Blobs,
  place: DevicePlace,
  circuit: HeldCircuit,
): Promise<Executed> {
  const { id, command } = circuit
  const startedAt = Date.now()
  using _limit = limitTime(circuit)
  try {
    const bytes = blobs.fromPayload(command.payload)
    const spec = specOf(bytes instanceof Uint8Array ? bytes : await bytes)
    const ran = await engine.run({ id: keyOf(id), ...spec }, circuit.abort.signal)
    const value = encodeValue(
      resultOf(ran, place.device),
      `result of circuit ${JSON.stringify(command.name)}`,
    )
    const payload = await blobs.toPayload(value)
    const record = outcomeDraft(place, id, command, { startedAt, endedAt: Date.now() }, payload)
    return { record, seconds: ran.seconds }
  } catch (error) {
    const failure = circuitFailure(circuit.abort.signal.aborted ? circuit.abort.signal.reason : error)
    const endedAt = Date.now()
    const record = attemptDraft(place, id, command, { startedAt, endedAt }, failure)
    return { record, seconds: (endedAt - startedAt) / 1000, failure }
  }
}

function specOf(bytes: Uint8Array) {
  const parsed = CircuitSpec.safeParse(decodeValue(bytes))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new QubusError(
      'INVALID_OPTION',
      `the circuit's ${issue?.path.join('.') || 'specification'}: ${issue?.message}`,
    )
  }
  const { source, shots, seed, method, file } = parsed.data
  return {
    source,
    shots,
    ...(seed === undefined ? {} : { seed }),
    ...(method === undefined ? {} : { method }),
    ...(file === undefined ? {} : { file }),
  }
}

function resultOf(ran: EngineResult, device: string): CircuitResult {
  const { counts, shots, seed, method, qubits, clbits, gates, depth, seconds } = ran
  return {
    counts,
    shots,
    seed,
    device,
    engine: ran.engine,
    engineVersion: ran.version,
    method,
    qubits,
    clbits,
    gates,
    depth,
    seconds,
  }
}

// A timer set further ahead fires at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1

function limitTime({ abort, command }: HeldCircuit): Disposable {
  const seconds = command.timeoutSeconds
  if (seconds === undefined) return { [Symbol.dispose]() {} }
  const late = () => abort.abort(new QubusError('TIMEOUT', `the circuit took longer than ${seconds} s`))
  const timer = setTimeout(late, Math.min(seconds * 1000, LONGEST_TIMER_MS))
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}
