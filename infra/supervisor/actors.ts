/** Actors as things to keep running, and those that an earlier supervisor left behind. */
import { readdirSync } from 'node:fs'
import { z } from 'zod'
import { startActor } from './actor-process.ts'
import { supervisorFiles } from './files.ts'
import { readJson, removeFile, writeJson } from './json-file.ts'
import { type Keeper, keep } from './keeper.ts'
import type { PlannedActor } from './plan.ts'
import { isAlive, ProcessIdentity } from './process-identity.ts'
import { adopt, endProcess, type RunningProcess } from './running-process.ts'

/** An actor finishes or hands back what it has within 20 s. */
const GRACE_MS = 25_000

const Note = z.object({ identity: ProcessIdentity, args: z.array(z.string()) })

/** One that was started with the same arguments is taken over; another one is replaced. */
export async function keepActor(
  planned: PlannedActor,
  home: string,
  say: (text: string) => void,
): Promise<Keeper> {
  const files = supervisorFiles(home)
  const { name, actor, args } = planned
  const file = files.process(name)
  return keep(
    {
      name,
      running: await leftover(file, args, say, name),
      start: () => startActor({ actor, args, home, log: files.log(name) }),
      note(identity) {
        if (identity) writeJson(file, { identity, args })
        else removeFile(file)
      },
      endWith: 'SIGTERM',
      graceMs: GRACE_MS,
    },
    say,
  )
}

async function leftover(
  file: string,
  args: string[],
  say: (text: string) => void,
  name: string,
): Promise<RunningProcess | undefined> {
  const note = readJson(file, Note)
  if (note === undefined || !isAlive(note.identity)) return undefined
  const running = adopt(note.identity)
  if (JSON.stringify(note.args) === JSON.stringify(args)) {
    say(`${name} (process ${note.identity.pid}) was left running: taken over`)
    return running
  }
  say(`${name} (process ${note.identity.pid}) runs with other arguments: replaced`)
  await endProcess(running, 'SIGTERM', GRACE_MS)
  return undefined
}

/** Names of actors that an earlier supervisor left running. */
export function leftActors(home: string): Array<{ name: string; args: string[] }> {
  const files = supervisorFiles(home)
  return namesIn(files.processes).flatMap((name) => {
    const note = readJson(files.process(name), Note)
    return note !== undefined && isAlive(note.identity) ? [{ name, args: note.args }] : []
  })
}

/** Ends those that are not wanted any more, such as a second coordinator of an earlier `up`. */
export async function endUnplanned(home: string, planned: PlannedActor[]): Promise<void> {
  const files = supervisorFiles(home)
  const wanted = new Set(planned.map(({ name }) => name))
  const left = leftActors(home).filter(({ name }) => !wanted.has(name))
  await Promise.all(
    left.map(async ({ name }) => {
      const note = readJson(files.process(name), Note)
      if (note) await endProcess(adopt(note.identity), 'SIGTERM', GRACE_MS)
      removeFile(files.process(name))
    }),
  )
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
  } catch {
    return []
  }
}
