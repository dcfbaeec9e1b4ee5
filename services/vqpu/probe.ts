/** Readiness is proved, not assumed: a GHZ state has exactly two outcomes, about equally often. */
import { QubusError } from '#shared/contract/errors.ts'
import type { Engine } from './engine/engine.ts'

const SHOTS = 1000
const PROBE = `OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg c[3];
h q[0];
cx q[0], q[1];
cx q[1], q[2];
measure q -> c;
`

/**
 * @param signal ends the wait; behind long circuits the probe itself waits for a free thread.
 * @throws QubusError `ENGINE_FAILED` when the engine does not run the circuit, or runs it wrongly.
 */
export async function probeEngine(engine: Engine, signal: AbortSignal): Promise<void> {
  const { counts } = await engine
    .run({ id: 'probe', source: PROBE, shots: SHOTS, seed: 1 }, signal)
    .catch((cause: unknown) => {
      throw new QubusError('ENGINE_FAILED', 'the engine did not run the probe circuit', { cause })
    })
  const wrong = faultOf(counts)
  if (wrong !== undefined) {
    throw new QubusError('ENGINE_FAILED', `the engine runs the probe circuit wrongly: ${wrong}`, {
      facts: { counts },
    })
  }
}

/** What is wrong with the counts of a three-qubit GHZ state; undefined when nothing is. */
export function faultOf(counts: Record<string, number>): string | undefined {
  const stray = Object.keys(counts).find((key) => key !== '000' && key !== '111')
  if (stray !== undefined) return `the outcome ${JSON.stringify(stray)} can't come`
  const zeros = counts['000'] ?? 0
  const ones = counts['111'] ?? 0
  if (zeros + ones !== SHOTS) return `${zeros + ones} outcomes came of ${SHOTS} shots`
  // Seven standard deviations of a fair coin.
  if (Math.abs(zeros - ones) > 7 * Math.sqrt(SHOTS)) return `000 came ${zeros} times, 111 ${ones} times`
  return undefined
}
