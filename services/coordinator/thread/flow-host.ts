/** Runs flows where it is: in a flow thread, or in the process of somebody who tests or replays one. */
import type { FlowDefinition } from '#shared/flow/flow.ts'
import { unpackItems } from './compact.ts'
import { effectContext } from './effect-context.ts'
import { checkedParams, checkRequest, type Place, place } from './flow-place.ts'
import { FlowRun } from './flow-run.ts'
import type { BundleRef, FromThread, RunKey, ToThread } from './protocol.ts'

export type FlowHostOptions = {
  send(message: FromThread): void
  /** @throws QubusError `BUNDLE_FAILED` or `UNKNOWN_FLOW`. */
  find(bundle: BundleRef): FlowDefinition | Promise<FlowDefinition>
  /** The code of this run is entered (the number at the end of its key), or, with 0, that of nobody's. */
  entered?(index: number): unknown
  /** Called where the code of a run asks for a step, or for many that begin with it. */
  asked?(key: RunKey, step: number): void
}

export class FlowHost {
  readonly #options: FlowHostOptions
  readonly #runs = new Map<RunKey, FlowRun>()

  constructor(options: FlowHostOptions) {
    this.#options = options
  }

  receive(message: ToThread): void {
    switch (message.type) {
      case 'ping':
        return this.#options.send({ type: 'pong', id: message.id })
      case 'check':
        return void this.#check(message)
      case 'start':
        return void this.#start(message)
      case 'items':
        return this.#runs.get(message.key)?.deliver(unpackItems(message.items))
      case 'execute':
        return this.#runs.get(message.key)?.execute(message.step)
      case 'drop':
        this.#runs.get(message.key)?.stop()
        this.#runs.delete(message.key)
    }
  }

  async #check({ id, bundle, params, now }: Extract<ToThread, { type: 'check' }>): Promise<void> {
    // What the file does while it is loaded is no run's fault.
    this.#options.entered?.(0)
    const checked = await checkRequest(() => this.#options.find(bundle), params, now)
    this.#options.send({ type: 'checked', id, checked })
  }

  async #start(message: Extract<ToThread, { type: 'start' }>): Promise<void> {
    const { send, find, entered, asked } = this.#options
    const { key, run, bundle, params, origin, attempt, base, replay = false } = message
    const index = Number(key.slice(key.lastIndexOf('#') + 1))
    const at: Place = {
      run: undefined,
      context: undefined,
      pure: { now: () => origin.at, random: () => 0.5, uuid: () => '' },
    }
    const flow = new FlowRun({
      key,
      run,
      origin,
      attempt,
      base,
      replay,
      send: (said) => {
        send(said)
        if (said.type === 'end') this.#runs.delete(key)
      },
      enter: (fn) => {
        entered?.(index)
        return place.run(at, fn)
      },
      enterEffect: (step, fn) =>
        place.run({ run: flow, context: effectContext({ key, run, step, send }), pure: undefined }, fn),
      ...(asked === undefined ? {} : { asked: (step) => asked(key, step) }),
    })
    at.run = flow
    at.context = flow
    at.pure = flow
    this.#runs.set(key, flow)
    entered?.(index)
    try {
      const definition = await find(bundle)
      flow.start(definition.fn, await checkedParams(definition, params, at))
    } catch (error) {
      flow.fail(error)
    }
  }
}
