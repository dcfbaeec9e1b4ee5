// scratch: publisher at rate vs results process, nice or not
import { spawn } from 'node:child_process'
import os from 'node:os'
import { newRunId } from '#shared/contract/ids.ts'
import { outcome, requested } from './records.ts'
import { openWorld } from './world.ts'
const nice = Number(process.argv[2]), SECONDS = 8
await using world = await openWorld()
const child = world.spawnResults(); 
if (nice) os.setPriority(child.pid!, nice)
await world.publish(requested('warm'), outcome('warm', 1)); await world.untilSql('select count(*)::int from steps', 1)
const cpu = () => Number(require('fs').readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[13]) + Number(require('fs').readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[14])
import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)
const runs = Array.from({ length: 50 }, () => newRunId())
await world.publish(...runs.map((r) => requested(r)))
const c0 = cpu()
const end = performance.now() + SECONDS * 1000
let n = 0
const lat: number[] = []
const lane = async (l: number) => { let step = 1; while (performance.now() < end) { const t = performance.now(); await world.publish(...Array.from({ length: 10 }, () => outcome(runs[l]!, step++))); n += 10; lat.push(performance.now() - t) } }
await Promise.all(runs.map((_, l) => lane(l)))
const [row] = await world.sql('select sum(steps)::int as n from positions')
lat.sort((a, b) => a - b)
console.log(`nice ${nice}: published ${Math.round(n / SECONDS)}/s, p50 ${lat[lat.length >> 1]!.toFixed(1)} p99 ${lat[Math.floor(lat.length * .99)]!.toFixed(1)} ms, stored at end ${Math.round(Number(row!.n) / SECONDS)}/s, lag ${n - Number(row!.n)}, results cpu ${(cpu() - c0) / SECONDS}%`)
await child.end('SIGTERM')
process.exit(0)
