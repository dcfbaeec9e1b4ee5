/** Values of options, checked before any work: each refusal says which option, what was got and what to write. */
import { readFileSync } from 'node:fs'
import { QubusError } from '#shared/contract/errors.ts'
import { assertToken } from '#shared/contract/ids.ts'
import { parseDuration } from './terminal/duration.ts'

/** A whole number within bounds. */
export function wholeNumber(
  option: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`
    throw refusal(option, text, `a whole number, ${range}`)
  }
}

export function positiveNumber(option: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isFinite(value) && value > 0) return value
    throw refusal(option, text, 'a number above 0')
  }
}

export function token(option: string): (text: string) => string {
  return (text) => assertToken(option, text)
}

export function oneOf<T extends string>(option: string, allowed: readonly T[]): (text: string) => T {
  return (text) => {
    const found = allowed.find((each) => each === text)
    if (found !== undefined) return found
    throw refusal(option, text, `one of: ${allowed.join(', ')}`)
  }
}

/** For options that may be given several times. */
export function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

/**
 * The flow's parameters from `--params JSON` (or `@file`) and `-p key=value`, where a value that is not JSON is a
 * string. Without any: an empty object.
 */
export function readParams(json: string | undefined, pairs: readonly string[] = []): unknown {
  const base: unknown =
    json === undefined ? {} : parseJson('--params', json, `--params '{"n": 3}', or -p n=3`)
  if (pairs.length === 0) return base
  if (typeof base !== 'object' || base === null || Array.isArray(base)) {
    throw new QubusError(
      'INVALID_OPTION',
      '-p key=value adds to an object, but --params is not one: write --params \'{"key": …}\'',
    )
  }
  return { ...base, ...Object.fromEntries(pairs.map(parsePair)) }
}

function parsePair(pair: string): [key: string, value: unknown] {
  const at = pair.indexOf('=')
  if (at < 1) throw refusal('-p', pair, 'key=value, such as -p n=3 or -p name=bell')
  const text = pair.slice(at + 1)
  try {
    return [pair.slice(0, at), JSON.parse(text)]
  } catch {
    return [pair.slice(0, at), text]
  }
}

/** @param what the option or argument that holds it. @param instead an example. @throws QubusError `INVALID_OPTION`. */
export function parseJson(what: string, text: string, instead: string): unknown {
  const source = text.startsWith('@') ? readText(text.slice(1)) : text
  try {
    return JSON.parse(source)
  } catch (cause) {
    throw new QubusError(
      'INVALID_OPTION',
      `${what} is not JSON: ${(cause as Error).message}; write ${instead}`,
      {
        cause,
      },
    )
  }
}

/** What `run` and `schedule set` say of the run that they ask for. */
export type RequestOptions = {
  params?: string
  param?: string[]
  timeout?: string
  project?: string
  priority?: number
  tag?: string[]
  user?: string
  pool?: string
}

export function requestFrom(options: RequestOptions) {
  const { project, priority, user, pool, tag, timeout } = options
  return {
    params: readParams(options.params, options.param),
    ...(project === undefined ? {} : { project }),
    ...(priority === undefined ? {} : { priority }),
    ...(user === undefined ? {} : { user }),
    ...(pool === undefined ? {} : { pool }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(timeout === undefined ? {} : { timeoutSeconds: parseDuration('--timeout', timeout) }),
  }
}

/** @throws QubusError `INVALID_OPTION` naming the file and what is wrong with it. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const why =
      { ENOENT: 'there is no such file', EISDIR: 'it is a folder', EACCES: 'it may not be read' }[
        code ?? ''
      ] ?? code
    throw new QubusError('INVALID_OPTION', `${path}: ${why}`, { cause })
  }
}

function refusal(option: string, got: string, wanted: string): QubusError {
  return new QubusError('INVALID_OPTION', `${option} ${JSON.stringify(got)}: write ${wanted}`)
}
