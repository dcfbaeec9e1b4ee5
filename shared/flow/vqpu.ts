/** Virtual QPUs: circuit simulators that are launched for a run, or for all. */
import { TaskFuture } from './future.ts'
import { bad, type StepOptions, toPolicy } from './options.ts'
import { currentFlow } from './runtime.ts'

export type LaunchOptions = Omit<StepOptions, 'onLost' | 'isolation' | 'limit'> & {
  /** Its number or name; the device is `<run>-vqpu-<id>`, or `vqpu-<id>` when shared. Default 1. */
  id?: number | string
  /** The simulating program; default `embedded`. */
  engine?: string
  /** After this it drains and ends; default 86400. */
  walltimeSeconds?: number
  /** Outlives the run, and serves circuits of other runs. */
  shared?: boolean
}

export type VqpuFacts = {
  id: string
  engine: string
  engineVersion: string
  maxQubits: number
  methods: string[]
}

/** A vQPU that a probe circuit has shown to be ready. */
export type Vqpu = VqpuFacts & {
  /** Lets it finish what it has, then ends it. */
  drain(): TaskFuture<void>
}

/** What a `vqpu` step is given. */
export type LaunchValue = { id: string; engine: string; walltimeSeconds: number; shared: boolean }

/** Launches a vQPU; the future is done when it is ready. @throws QubusError `INVALID_OPTION`. */
export function launchVqpu(options: LaunchOptions = {}): TaskFuture<Vqpu> {
  const { id = 1, engine = 'embedded', walltimeSeconds = 86_400, shared = false, ...rest } = options
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(String(id)))
    bad('launchVqpu', 'id', id, 'a number or a name of letters, digits, "_" and "-"')
  if (!(walltimeSeconds > 0 && Number.isFinite(walltimeSeconds)))
    bad('launchVqpu', 'walltimeSeconds', walltimeSeconds, 'a number above 0')
  const value: LaunchValue = { id: String(id), engine, walltimeSeconds, shared }
  return TaskFuture.request(
    currentFlow('launchVqpu'),
    { kind: 'vqpu', name: `vqpu-${id}`, value, policy: toPolicy('launchVqpu', { pool: 'vqpu', ...rest }) },
    (facts) => withDrain(facts as VqpuFacts),
  )
}

function withDrain(facts: VqpuFacts): Vqpu {
  return {
    ...facts,
    drain: () =>
      TaskFuture.request<void>(currentFlow('drain'), {
        kind: 'drain',
        name: `drain ${facts.id}`,
        value: facts.id,
        policy: {},
      }),
  }
}
