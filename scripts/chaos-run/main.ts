/** `scripts/chaos`: round after round, until one goes wrong, all are played, or Ctrl-C ends it after the round. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stop as stopBundler } from 'esbuild'
import { type Bundle, bundleFlowFile } from '#shared/bundle/index.ts'
import { checkRound, endOfRuns } from './check.ts'
import { keepEvidence } from './evidence.ts'
import type { FaultKind } from './faults.ts'
import { impossible, possibleFaults } from './inflict.ts'
import { readOptions } from './options.ts'
import { processesOf } from './processes.ts'
import { type RoundReport, reporter } from './report.ts'
import { type PlannedRound, planRound, playRound } from './round.ts'
import { type ChaosSystem, startSystem } from './system.ts'

const { rounds, seed, only, restartEvery, json } = readOptions(process.argv.slice(2))
const report = reporter(json)
let interrupted = false
// A second one ends it at once, and leaves the system behind.
process.once('SIGINT', () => {
  interrupted = true
  report.say('it ends after this round')
})
// After a violation somebody waits still for a run that never ends.
process.exit((await runAll()) ? 0 : 1)

async function runAll(): Promise<boolean> {
  const bundle = await bundleFlowFile(fileURLToPath(new URL('./flows.ts', import.meta.url)))
  await stopBundler()
  const system = await startSystem(report.say)
  let green = false
  try {
    green = await playAll(system, bundle)
  } finally {
    report.summary()
    await system[Symbol.asyncDispose]()
  }
  const left = processesOf(system.home)
  for (const { pid, command } of left) report.say(`process ${pid} was left behind: ${command}`)
  if (green && left.length === 0) await rm(system.home, { recursive: true, force: true })
  return green && left.length === 0
}

async function playAll(system: ChaosSystem, bundle: Bundle): Promise<boolean> {
  const reasons = impossible(system)
  for (const [kind, why] of reasons) report.say(`left out: ${kind}: ${why}`)
  const possible: ReadonlySet<FaultKind> = possibleFaults(reasons, only)
  await mkdir(join(system.home, 'effects'), { recursive: true })
  for (let i = 0; i < rounds && !interrupted; i++) {
    if (i > 0 && restartEvery > 0 && i % restartEvery === 0) await system.restart()
    const round = planRound(seed + i, possible)
    const told = await playOne(round, system, bundle)
    report.round(told)
    if (told.violations.length === 0) continue
    await keepEvidence(round, told, system, report.say)
    return false
  }
  return true
}

async function playOne(round: PlannedRound, system: ChaosSystem, bundle: Bundle): Promise<RoundReport> {
  const effects = join(system.home, 'effects', String(round.seed))
  const from = await endOfRuns(system)
  const since = performance.now()
  const secondsSince = (): number => (performance.now() - since) / 1000
  const played = await playRound(round, system, bundle, effects)
  const playedSeconds = secondsSince()
  const verdict = await checkRound(round, played, system, from, effects)
  return { seed: round.seed, faults: played.faults, playedSeconds, seconds: secondsSince(), ...verdict }
}
