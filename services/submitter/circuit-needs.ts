/** What a circuit needs of a device, read from its text once however often it is submitted. */
import { hash } from 'node:crypto'
import { parseCircuit } from '#shared/circuit/index.ts'
import type { CircuitSpec } from '#shared/contract/command.ts'

export type CircuitNeeds = { qubits: number; gates: readonly string[]; language: string; method?: string }

type Reading = { needs: CircuitNeeds } | { error: unknown }

const REMEMBERED = 2_000

/** Reads circuits; what it returns throws the parser's CircuitError, on every call, for a text that can't be read. */
export function circuitReader(): (spec: CircuitSpec) => CircuitNeeds {
  const readings = new Map<string, Reading>()
  return (spec) => {
    const key = hash('sha256', spec.source)
    const reading = readings.get(key) ?? read(spec.source)
    // A map keeps the order of insertion: the first key is the one that was not asked for longest.
    readings.delete(key)
    readings.set(key, reading)
    if (readings.size > REMEMBERED) readings.delete(readings.keys().next().value as string)
    if ('error' in reading) throw reading.error
    return spec.method === undefined ? reading.needs : { ...reading.needs, method: spec.method }
  }
}

function read(source: string): Reading {
  try {
    const { qubits, gatesUsed, language } = parseCircuit(source)
    return { needs: { qubits, gates: gatesUsed, language } }
  } catch (error) {
    return { error }
  }
}
