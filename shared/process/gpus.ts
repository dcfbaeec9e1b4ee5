/** The GPUs of this node: counted by the vendors' own tools, within what the job may see. */
import { execa } from 'execa'

export type GpuKind = 'nvidia' | 'amd'

export type Gpus = { kind: GpuKind | undefined; ids: string[] }

/** Variables that say to a program which GPUs it may use. */
export const VISIBLE: Record<GpuKind, readonly string[]> = {
  nvidia: ['CUDA_VISIBLE_DEVICES'],
  amd: ['ROCR_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES'],
}

const PATIENCE_MS = 20_000

/**
 * @param environment of the job: where it names visible GPUs (as Slurm does for a gres), these are all there are.
 * @returns none where there is no tool, or it finds none.
 */
export async function findGpus(environment: Readonly<Record<string, string | undefined>>): Promise<Gpus> {
  const nvidia = await listed(environment, 'nvidia-smi', ['--query-gpu=index', '--format=csv,noheader'])
  if (nvidia.length > 0) return { kind: 'nvidia', ids: visible(environment['CUDA_VISIBLE_DEVICES'], nvidia) }
  const amd = idsOfRocm(await output(environment, 'rocm-smi', ['--showid', '--json']))
  if (amd.length > 0) {
    const limited = environment['ROCR_VISIBLE_DEVICES'] ?? environment['HIP_VISIBLE_DEVICES']
    return { kind: 'amd', ids: visible(limited, amd) }
  }
  return { kind: undefined, ids: [] }
}

/** Environment for one who may use these GPUs, and no others. */
export function gpuEnvironment(kind: GpuKind | undefined, ids: readonly string[]): Record<string, string> {
  const names = kind === undefined ? Object.values(VISIBLE).flat() : VISIBLE[kind]
  return Object.fromEntries(names.map((name) => [name, ids.join(',')]))
}

// Ids are indices or UUIDs (`GPU-…`, `MIG-…`); an empty list means none, as it does for CUDA.
function visible(limited: string | undefined, all: string[]): string[] {
  if (limited === undefined) return all
  return limited
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '' && id !== '-1' && id !== 'NoDevFiles')
}

async function listed(
  environment: Readonly<Record<string, string | undefined>>,
  tool: string,
  args: string[],
) {
  const text = await output(environment, tool, args)
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^\d+$/.test(line))
}

function idsOfRocm(text: string): string[] {
  try {
    return Object.keys(JSON.parse(text) as object).flatMap((key) => /^card(\d+)$/.exec(key)?.[1] ?? [])
  } catch {
    return []
  }
}

async function output(
  environment: Readonly<Record<string, string | undefined>>,
  tool: string,
  args: string[],
): Promise<string> {
  const result = await execa(tool, args, {
    env: environment,
    extendEnv: false,
    reject: false,
    timeout: PATIENCE_MS,
    stdin: 'ignore',
  })
  return result.exitCode === 0 ? result.stdout : ''
}
