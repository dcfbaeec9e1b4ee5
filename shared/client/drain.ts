/** Draining a vQPU: it finishes what it has, then ends. */
import { readRegistry } from '../bus/registry.ts'
import { CommandReply } from '../contract/control.ts'
import { QubusError } from '../contract/errors.ts'
import { subject } from '../contract/subjects.ts'
import { decode, encode } from '../wire/message.ts'
import type { Session } from './session.ts'

/** @throws QubusError `UNKNOWN_DEVICE`; `UNREACHABLE` when its host does not answer. */
export async function drainDevice({ bus }: Session, device: string): Promise<void> {
  const { vqpus } = await readRegistry(bus.nc)
  if (!vqpus.has(device)) {
    const there = [...vqpus.keys()].join(', ') || 'none'
    throw new QubusError('UNKNOWN_DEVICE', `no device ${JSON.stringify(device)} is there; alive: ${there}`, {
      facts: { device },
    })
  }
  const reply = await bus.nc
    .request(subject.command(device, 'drain'), encode({}), { timeout: 5_000 })
    .catch((cause: unknown) => {
      throw new QubusError('UNREACHABLE', `the host of ${device} does not answer`, { cause })
    })
  const { ok, message } = decode(CommandReply, reply.data)
  if (!ok) throw new QubusError('DEVICE_GONE', `${device} does not drain: ${message ?? 'it gave no reason'}`)
}
