/** Events for those who watch, as CloudEvents 1.0 in NATS' binary form: attributes in `ce-` headers, a JSON body. */

export type EventNoun =
  | 'run'
  | 'step'
  | 'attempt'
  | 'allocation'
  | 'job'
  | 'vqpu'
  | 'circuit'
  | 'actor'
  | 'artifact'
  | 'signal'
  | 'schedule'

export type QubusEvent = {
  noun: EventNoun
  /** What happened: `completed`, `ready`, … */
  verb: string
  run?: string | undefined
  id: string
  data: Record<string, unknown>
}

export const CE = {
  specversion: 'ce-specversion',
  id: 'ce-id',
  source: 'ce-source',
  type: 'ce-type',
  time: 'ce-time',
  subject: 'ce-subject',
  /** Extension: the name of the step that a record is about. */
  step: 'ce-stepname',
} as const

/** The CloudEvents type of a noun and verb, such as `qubus.step.completed`. */
export function eventType(noun: EventNoun, verb: string): string {
  return `qubus.${noun}.${verb}`
}

/** A CloudEvent in its JSON form, as the CLI prints it. */
export type CloudEvent = {
  specversion: '1.0'
  id: string
  source: string
  type: string
  time: string
  subject?: string | undefined
  data?: unknown
  [extension: string]: unknown
}
