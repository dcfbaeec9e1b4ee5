/** From a message with `ce-` headers to a CloudEvent in its JSON form. */
import type { MsgHdrs } from '@nats-io/transport-node'
import { CE, type CloudEvent } from '../contract/event.ts'
import { parseRecordSubject } from '../contract/subjects.ts'

type Message = { subject: string; data: Uint8Array; headers?: MsgHdrs | undefined }

/**
 * Undefined for a message without CloudEvents headers. Extensions: `run`, `step` and `stepname` where it is about a
 * step. A record has no `data`: only its headers travel.
 */
export function toCloudEvent({ subject, data, headers }: Message): CloudEvent | undefined {
  const get = (name: string): string | undefined => headers?.get(name) || undefined
  const [id, source, type, time] = [get(CE.id), get(CE.source), get(CE.type), get(CE.time)]
  if (id === undefined || source === undefined || type === undefined || time === undefined) return undefined
  const about = aboutOf(subject)
  const name = get(CE.step)
  return {
    specversion: '1.0',
    id,
    source,
    type,
    time,
    ...(about.subject === undefined ? {} : { subject: about.subject }),
    ...(about.run === undefined ? {} : { run: about.run }),
    ...(about.step === undefined ? {} : { step: about.step }),
    ...(name === undefined ? {} : { stepname: plain(name) }),
    ...dataOf(data, about.recorded),
  }
}

type About = { run?: string; step?: number; subject?: string; recorded: boolean }

// `event.<noun>.<verb>.<run or _>.<id…>`, or a record of a run's log.
function aboutOf(subject: string): About {
  const record = parseRecordSubject(subject)
  if (subject.split('.')[2] === 'run' && record !== undefined) {
    return {
      run: record.run,
      recorded: true,
      ...('step' in record.record ? { step: record.record.step } : {}),
    }
  }
  const [, , , noun, verb, run, ...id] = subject.split('.')
  const recorded = noun === 'step' && verb === 'recorded'
  const number = id.find((token) => /^\d+$/.test(token))
  return {
    recorded,
    ...(run === undefined || run === '_' ? {} : { run }),
    ...(noun === 'step' && number !== undefined ? { step: Number(number) } : {}),
    ...(recorded || id.length === 0 ? {} : { subject: id.join('.') }),
  }
}

function dataOf(data: Uint8Array, recorded: boolean): { data?: unknown } {
  if (recorded || data.length === 0) return {}
  try {
    return { data: JSON.parse(Buffer.from(data).toString()) }
  } catch {
    return {}
  }
}

function plain(name: string): string {
  try {
    return decodeURI(name)
  } catch {
    return name
  }
}
