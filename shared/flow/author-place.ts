/** Where in an author's own files something happened: the frames of Qubus, of packages and of Node say nothing to him. */

const NOT_HIS =
  /qubus:\/\/\/|\/(?:shared\/(?:flow|bundle|wire)|services\/coordinator|scripts\/test-flow)\/|\bnode:|\/node_modules\/|\/native:|^\s+at __\w+ \(/

/** His own may lie below many of ours. */
const FRAMES = 30

/** `/path/flow.ts:12:5` of the first frame that is his; undefined where there is none. */
export function authorPlace(stack: string | undefined): string | undefined {
  for (const line of stack?.split('\n') ?? []) {
    const place = placeIn(line)
    if (place !== undefined && !NOT_HIS.test(line)) return place
  }
  return undefined
}

/** Of the first frame at all. */
export function firstPlace(stack: string | undefined): string | undefined {
  for (const line of stack?.split('\n') ?? []) {
    const place = placeIn(line)
    if (place !== undefined) return place
  }
  return undefined
}

/** ` (/path/flow.ts:12:5)` of whoever called, or nothing. */
export function calledAt(): string {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = FRAMES
  const place = authorPlace(new Error().stack)
  Error.stackTraceLimit = stackTraceLimit
  return place === undefined ? '' : ` (${place})`
}

function placeIn(line: string): string | undefined {
  if (!/^\s+at /.test(line)) return undefined
  return /\(?(?:file:\/\/)?((?:\/|[\w.-]+:\/)[^()]*:\d+:\d+)\)?$/.exec(line)?.[1]
}
