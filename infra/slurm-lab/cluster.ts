/** The cluster that every lab is: six nodes that share this host, and say that each has more than the host does. */

export type LabNode = {
  name: string
  /** What `--constraint` may ask for. */
  feature: string
  gres?: { name: 'gpu' | 'qpu'; count: number }
}

export type LabPartition = {
  name: string
  nodes: readonly string[]
  maximum: string
  /** The time limit of a job that names none. */
  usual: string
}

export const NODES = [
  { name: 'svc1', feature: 'svc', gres: { name: 'qpu', count: 1 } },
  { name: 'cpu1', feature: 'cpu' },
  { name: 'cpu2', feature: 'cpu' },
  { name: 'gpu1', feature: 'gpu', gres: { name: 'gpu', count: 2 } },
  { name: 'gpu2', feature: 'gpu', gres: { name: 'gpu', count: 2 } },
  { name: 'cpy1', feature: 'copy' },
] as const satisfies readonly LabNode[]

export type NodeName = (typeof NODES)[number]['name']

export const PARTITIONS: readonly LabPartition[] = [
  { name: 'long', nodes: ['svc1'], maximum: 'UNLIMITED', usual: '1-00:00:00' },
  { name: 'work', nodes: ['cpu1', 'cpu2'], maximum: '1-00:00:00', usual: '00:10:00' },
  { name: 'gpu', nodes: ['gpu1', 'gpu2'], maximum: '1-00:00:00', usual: '00:10:00' },
  { name: 'copy', nodes: ['cpy1'], maximum: '2-00:00:00', usual: '00:10:00' },
]

export const DEFAULT_PARTITION = 'work'

export const LICENCES = { qpu: 1, vqpu: 8 } as const

export const CPUS = 16
export const MEMORY_MB = 16_000
