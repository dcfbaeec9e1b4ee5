/** `qubus vqpu launch|list|drain`: vQPUs that are shared by all runs. */
import { connect } from '#shared/client/client.ts'
import { errorForm } from '../error-form.ts'
import { EXIT, exitCodeOf, exitCodeOfRun } from '../exit-code.ts'
import { leftGoing, sendAndFollow } from '../follow.ts'
import { emit, print, say } from '../output.ts'
import { parseDuration } from '../terminal/duration.ts'
import { showDevices } from './devices.ts'
import { showOutcome } from './run.ts'

export async function launch(
  id: string,
  options: { engine: string; walltime: string; json?: boolean },
): Promise<number> {
  const walltimeSeconds = parseDuration('--walltime', options.walltime)
  await using client = await connect()
  const params = { id, engine: options.engine, walltimeSeconds, shared: true }
  const followed = await sendAndFollow(client, { flow: 'vqpu-launch', params }, { label: `vqpu-${id}` })
  if ('interrupted' in followed) {
    say(leftGoing(followed.run))
    return EXIT.interrupted
  }
  const { outcome } = followed
  if (options.json || outcome.state !== 'completed') showOutcome(outcome, options.json === true)
  else {
    const facts = outcome.result as { id?: string; engine?: string; maxQubits?: number } | undefined
    print(facts?.id ?? `vqpu-${id}`)
    say(`ready: ${facts?.engine ?? options.engine}, ${facts?.maxQubits ?? '?'} qubits`)
  }
  return exitCodeOfRun(outcome.state, outcome.error, outcome.steps)
}

export async function list(options: { json?: boolean }): Promise<number> {
  await using client = await connect()
  showDevices(await client.devices(), options.json === true)
  return EXIT.done
}

export async function drain(devices: string[], options: { json?: boolean }): Promise<number> {
  await using client = await connect()
  let worst: number = EXIT.done
  for (const device of devices) {
    try {
      await client.drain(device)
      if (options.json) emit({ device, state: 'draining' })
      else say(`${device} is draining`)
    } catch (error) {
      worst = Math.max(worst, exitCodeOf(error))
      if (options.json) emit({ device, error: errorForm(error) })
      else say(`error: ${(error as Error).message}`)
    }
  }
  return worst
}
