/** `scripts/slurm-lab`: a lab that stays until it is told to go. Its folder is all that is known of it. */
import { access, rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { NODES, type NodeName } from './cluster.ts'
import { nodeStates } from './daemons.ts'
import { labFolder } from './folder.ts'
import { installPackages } from './install-packages.ts'
import { type LabOptions, openLab, startLab } from './lab.ts'
import { labProcesses } from './lab-processes.ts'
import { powerOff } from './power-off.ts'

const USAGE = 'usage: scripts/slurm-lab up | status | down | kill NODE | start NODE  [--root DIR]'
// Not below /tmp: a name there that is known beforehand may be somebody else's.
const ROOT = '/var/lib/qubus-slurm-lab'

class Refusal extends Error {}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parse(args)
  const [verb, node, ...more] = positionals
  if (more.length > 0 || verb === undefined) throw new Refusal(USAGE)
  const packages = await installPackages(say)
  if ('missing' in packages) throw new Refusal(packages.missing)
  const options = { root: values.root, packages: packages.programs }
  if ((verb === 'kill' || verb === 'start') && isNode(node)) return await switchNode(options, verb, node)
  if (node !== undefined) throw new Refusal(USAGE)
  if (verb === 'up') return await up(options)
  if (verb === 'status') return await status(options)
  if (verb === 'down') return await down(options)
  throw new Refusal(USAGE)
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { root: { type: 'string', default: ROOT } } })
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\n${USAGE}`)
  }
}

async function up(options: LabOptions): Promise<number> {
  const running = openLab(options)
  if (running === undefined) {
    await clear(options.root)
    const began = performance.now()
    await startLab(options)
    say(`${NODES.length} nodes are up after ${((performance.now() - began) / 1000).toFixed(2)} s`)
  }
  printExport(options)
  return 0
}

async function status(options: LabOptions): Promise<number> {
  const lab = openLab(options)
  if (lab === undefined) {
    say(`no controller runs in ${options.root}`)
    return 1
  }
  const states = await nodeStates({ folder: lab.folder, programs: options.packages })
  for (const [name, state] of states) say(`${name} ${state}`)
  printExport(options)
  return 0
}

async function down({ root }: LabOptions): Promise<number> {
  await clear(root)
  say(`nothing is left of ${root}`)
  return 0
}

async function switchNode(options: LabOptions, verb: 'kill' | 'start', node: NodeName): Promise<number> {
  const lab = openLab(options)
  if (lab === undefined) throw new Refusal(`no controller runs in ${options.root}: scripts/slurm-lab up`)
  await (verb === 'kill' ? lab.killNode(node) : lab.startNode(node))
  return 0
}

/** Ends what is left of a lab in this folder and removes it; a folder that was none is left alone. */
async function clear(root: string): Promise<void> {
  const folder = labFolder(root)
  await powerOff(() => labProcesses(folder))
  const isLab = await access(folder.gres).then(
    () => true,
    () => false,
  )
  if (isLab) await rm(root, { recursive: true, force: true, maxRetries: 5 })
}

function isNode(name: string | undefined): name is NodeName {
  if (NODES.some((node) => node.name === name)) return true
  throw new Refusal(`write one of ${NODES.map((node) => node.name).join(', ')}, not "${name ?? ''}"`)
}

function printExport({ root }: LabOptions): void {
  process.stdout.write(`export SLURM_CONF=${labFolder(root).conf}\n`)
}

function say(line: string): void {
  process.stderr.write(`slurm-lab: ${line}\n`)
}

const code = await main(process.argv.slice(2)).catch((error: Error) => {
  say(error.message)
  return error instanceof Refusal ? 2 : 3
})
// The daemons that were started hold us otherwise: they go on without us.
process.exit(code)
