/** Answers `command.<device>.drain`: yes at once; the end is seen in the registry. */
import type { Actor } from '#shared/actor/actor.ts'
import type { CommandReply } from '#shared/contract/control.ts'
import { subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'

export function answerDrain(actor: Actor, device: string, drain: () => void): Disposable {
  const subscription = actor.bus.nc.subscribe(subject.command(device, 'drain'), {
    callback: (error, message) => {
      if (error) return
      const reply: CommandReply = { ok: true, message: `${device} drains` }
      message.respond(encode(reply))
      drain()
    },
  })
  return { [Symbol.dispose]: () => subscription.unsubscribe() }
}
