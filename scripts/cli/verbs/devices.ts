/** `qubus devices`: what runs circuits, and what it can do. */
import { connect } from '#shared/client/client.ts'
import type { VqpuEntry } from '#shared/contract/registry.ts'
import { EXIT } from '../exit-code.ts'
import { emit, print, say } from '../output.ts'
import { painter, stateStyle } from '../terminal/colour.ts'
import { renderTable } from '../terminal/table.ts'

export async function devices(options: { json?: boolean }): Promise<number> {
  await using client = await connect()
  showDevices(await client.devices(), options.json === true)
  return EXIT.done
}

/** `vqpu list` shows the same: every device of this release is a vQPU. */
export function showDevices(found: VqpuEntry[], json: boolean): void {
  if (json) {
    for (const each of found) emit(each)
    return
  }
  if (found.length === 0) {
    say('no devices: qubus vqpu launch starts one')
    return
  }
  const paint = painter(process.stdout)
  print(
    renderTable({
      head: ['DEVICE', 'ENGINE', 'STATE', 'QUBITS', 'METHODS', 'GATES', 'QUEUED', 'RUNNING', 'OF RUN'],
      rows: found.map((each) => [
        each.id,
        `${each.engine} ${each.engineVersion}`,
        each.state,
        each.maxQubits,
        each.methods.join(' '),
        each.gates === 'any' ? 'any' : each.gates.length,
        each.queued,
        each.running,
        each.run ?? 'shared',
      ]),
      right: [3, 6, 7],
      paint: (text, _, column) => (column === 2 ? paint(stateStyle(text), text) : text),
    }),
  )
}
