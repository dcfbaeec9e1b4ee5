/**
 * Makes a flow thread safe for replays. Inside flow code, time and chance come from the run; what reaches the outside
 * world is refused with the name of what to use instead. Outside of flow code (and in side effects) nothing changes.
 * Must run before a bundle is loaded. What it covers, and what not, is listed in the README of this folder.
 */
import childProcess from 'node:child_process'
import crypto from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import fs from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import tls from 'node:tls'
import workerThreads from 'node:worker_threads'
import { QubusError } from '#shared/contract/errors.ts'

/** The run whose code is on the stack, unless it is in a side effect. */
export type CurrentRun = () => { now(): number; random(): number; uuid(): string } | undefined

export function makeDeterministic(current: CurrentRun): void {
  patchTime(current)
  patchFormats(current)
  patchChance(current)
  refuse(current, globalThis, ['fetch', 'WebSocket', 'EventSource'], 'use a task, or sideEffect')
  refuse(current, globalThis, ['setTimeout', 'setInterval', 'setImmediate'], 'use sleep')
  refuse(current, timers, ['setTimeout', 'setInterval', 'setImmediate'], 'use sleep')
  refuse(current, timersPromises, ['setTimeout', 'setInterval', 'setImmediate'], 'use sleep')
  refuse(current, timersPromises.scheduler, ['wait', 'yield'], 'use sleep')
  refuse(current, AbortSignal, ['timeout'], 'use sleep')
  refuse(current, workerThreads, ['Worker'], 'use a task')
  refuse(
    current,
    childProcess,
    ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'],
    'use program',
  )
  refuse(current, net, ['connect', 'createConnection', 'createServer'], 'use a task')
  refuse(current, net.Socket.prototype, ['connect'], 'use a task')
  refuse(current, tls, ['connect', 'createServer'], 'use a task')
  refuse(current, http, ['request', 'get', 'createServer'], 'use a task')
  refuse(current, https, ['request', 'get', 'createServer'], 'use a task')
  refuse(current, http2, ['connect', 'createServer', 'createSecureServer'], 'use a task')
  refuse(current, dgram, ['createSocket'], 'use a task')
  const functions = (of: object) =>
    Object.entries(of).flatMap(([name, value]) =>
      typeof value === 'function' && /^[a-z]/.test(name) ? [name] : [],
    )
  refuse(current, dns, functions(dns), 'use a task')
  refuse(current, dns.promises, functions(dns.promises), 'use a task')
  refuse(current, fs, functions(fs), 'use a task, or sideEffect')
  refuse(current, fs.promises, functions(fs.promises), 'use a task, or sideEffect')
  // Another coordinator may be on another host.
  refuse(current, os, functions(os), 'use a task, or sideEffect')
  syncBuiltinESMExports()
}

function patchTime(current: CurrentRun): void {
  const RealDate = Date
  const RunDate = new Proxy(RealDate, {
    construct(target, args, newTarget) {
      const run = args.length === 0 ? current() : undefined
      return Reflect.construct(target, run ? [run.now()] : args, newTarget) as object
    },
    apply: () => new RunDate().toString(),
    get: (target, key, receiver) => (key === 'now' ? now : (Reflect.get(target, key, receiver) as unknown)),
  })
  const now = (): number => current()?.now() ?? RealDate.now()
  // `new Date().constructor` must not lead back to the real one.
  Object.defineProperty(RealDate.prototype, 'constructor', {
    value: RunDate,
    writable: true,
    configurable: true,
  })
  globalThis.Date = RunDate
  const realPerformanceNow = performance.now.bind(performance)
  performance.now = () => current()?.now() ?? realPerformanceNow()
  const realHrtime = process.hrtime
  const nanoseconds = (): bigint => BigInt(current()?.now() ?? 0) * 1_000_000n
  const hrtime = (since?: [number, number]): [number, number] => {
    if (!current()) return realHrtime(since)
    const passed =
      nanoseconds() - (since === undefined ? 0n : BigInt(since[0]) * 1_000_000_000n + BigInt(since[1]))
    return [Number(passed / 1_000_000_000n), Number(passed % 1_000_000_000n)]
  }
  replace(
    process,
    'hrtime',
    Object.assign(hrtime, { bigint: () => (current() ? nanoseconds() : realHrtime.bigint()) }),
  )
}

// A format without a date is of now.
function patchFormats(current: CurrentRun): void {
  const { prototype } = Intl.DateTimeFormat
  const of = (date: unknown): unknown => (date === undefined ? current()?.now() : date)
  const { get } = Object.getOwnPropertyDescriptor(prototype, 'format') as { get(): (date: unknown) => string }
  Object.defineProperty(prototype, 'format', {
    configurable: true,
    get(this: Intl.DateTimeFormat) {
      const format = get.call(this)
      return (date: unknown) => format(of(date))
    },
  })
  const { formatToParts } = prototype
  replace(prototype, 'formatToParts', function (this: Intl.DateTimeFormat, date: unknown) {
    return formatToParts.call(this, of(date) as Date)
  })
}

function patchChance(current: CurrentRun): void {
  const realRandom = Math.random
  Math.random = () => current()?.random() ?? realRandom()
  const bytes = (into: Uint8Array): void => {
    const run = current()
    for (let i = 0; i < into.length; i++) into[i] = Math.floor((run?.random() ?? 0) * 256)
  }
  for (const holder of [crypto, globalThis.crypto] as { randomUUID: typeof crypto.randomUUID }[]) {
    const realUuid = holder.randomUUID.bind(holder)
    replace(
      holder,
      'randomUUID',
      (options?: object) => (current()?.uuid() as ReturnType<typeof realUuid>) ?? realUuid(options),
    )
  }
  // The module's own form reads the global one.
  const realValues = globalThis.crypto.getRandomValues.bind(globalThis.crypto)
  replace(globalThis.crypto, 'getRandomValues', (view: Uint8Array<ArrayBuffer>) => {
    if (!current()) return realValues(view)
    bytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
    return view
  })
  const realBytes = crypto.randomBytes
  replace(crypto, 'randomBytes', (size: number, callback?: never) => {
    if (!current()) return realBytes(size, callback as never)
    const into = Buffer.alloc(size)
    bytes(into)
    return into
  })
  refuse(current, crypto, ['randomInt', 'randomFill', 'randomFillSync'], 'use random() or uuid()')
}

function refuse(current: CurrentRun, holder: object, names: string[], instead: string): void {
  for (const name of names) {
    const real = (holder as Record<string, unknown>)[name]
    if (typeof real !== 'function') continue
    const guarded = function (this: unknown, ...args: unknown[]): unknown {
      if (current()) {
        throw new QubusError(
          'FORBIDDEN_IN_FLOW',
          `${name} can't be used in flow code, which must come to the same on a replay: ${instead}`,
        )
      }
      return new.target ? Reflect.construct(real, args, new.target) : Reflect.apply(real, this, args)
    }
    // Some carry properties that others rely on, such as the custom promisified form.
    Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(real))
    replace(holder, name, guarded)
  }
}

function replace(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, writable: true, configurable: true, enumerable: true })
}
