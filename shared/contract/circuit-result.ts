/** What a circuit gives back. */
import { z } from 'zod'

export const CircuitResult = z.object({
  /**
   * How often each outcome was seen. Qiskit's bit order: rightmost = classical bit 0, registers separated by one
   * space, the last declared register leftmost.
   */
  counts: z.record(z.string(), z.number().int().positive()),
  shots: z.number().int().positive(),
  seed: z.number(),
  device: z.string(),
  engine: z.string(),
  engineVersion: z.string(),
  method: z.string(),
  qubits: z.number().int(),
  clbits: z.number().int(),
  gates: z.number().int(),
  depth: z.number().int(),
  /** Seconds inside the engine. */
  seconds: z.number(),
})
export type CircuitResult = z.infer<typeof CircuitResult>
