/** `qubus circuit check`: reads circuit files and says what they are, or what is wrong and where. */
import { describeCircuit, parseCircuit } from '#shared/circuit/index.ts'
import { errorForm } from '../error-form.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'
import { readText } from '../options.ts'
import { emit, print, say } from '../output.ts'

export async function circuitCheck(files: string[], options: { json?: boolean }): Promise<number> {
  let worst: number = EXIT.done
  for (const file of files) {
    try {
      const circuit = parseCircuit(readText(file), { file })
      const { language, qubits, clbits, gateCount, depth, gatesUsed, dynamic } = circuit
      if (options.json)
        emit({ file, state: 'valid', language, qubits, clbits, gates: gateCount, depth, gatesUsed, dynamic })
      else print(`${file}: ${describeCircuit(circuit)}`)
    } catch (error) {
      const form = errorForm(error)
      if (form.code === 'INTERNAL') throw error
      worst = Math.max(worst, exitCodeOf(error))
      if (options.json) emit({ file, state: 'invalid', error: form })
      else say(`error: ${form.message}`)
    }
  }
  return worst
}
