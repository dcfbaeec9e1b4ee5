/** What Slurm is told: pure, from the lab's folder, this host's name and the ports. */
import { CPUS, DEFAULT_PARTITION, type LabNode, LICENCES, MEMORY_MB, NODES, PARTITIONS } from './cluster.ts'
import type { LabFolder } from './folder.ts'

export type LabPorts = { controller: number; nodes: readonly number[] }

/** Slurm finds out by its name whether it is on the right host; addresses are all loopback. */
export function slurmConf(folder: LabFolder, host: string, ports: LabPorts): string {
  const lines = [
    '# Of a Slurm lab of Qubus: see infra/slurm-lab/README.md. Written at its start.',
    'ClusterName=lab',
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${ports.controller}`,
    'CommunicationParameters=NoInAddrAny,NoCtldInAddrAny',
    'SlurmUser=root',
    'SlurmdUser=root',
    '',
    // A job that is requeued has to wait until its first credential is no longer good.
    `AuthInfo=socket=${folder.socket},cred_expire=${CREDENTIAL_SECONDS}`,
    'AuthType=auth/munge',
    'CredType=cred/munge',
    '',
    `StateSaveLocation=${folder.state}`,
    `SlurmdSpoolDir=${folder.spool}/%n`,
    `SlurmctldPidFile=${folder.run}/slurmctld.pid`,
    `SlurmdPidFile=${folder.run}/%n.pid`,
    `SlurmctldLogFile=${folder.log('slurmctld')}`,
    `SlurmdLogFile=${folder.logs}/%n.log`,
    'JobCompType=jobcomp/filetxt',
    `JobCompLoc=${folder.jobcomp}`,
    'AccountingStorageType=accounting_storage/none',
    'JobAcctGatherType=jobacct_gather/none',
    '',
    // Neither control groups nor name spaces: a container may have none to give.
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'PropagateResourceLimits=NONE',
    'SlurmdParameters=config_overrides',
    '',
    'SchedulerType=sched/backfill',
    'SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,bf_continue',
    'PriorityType=priority/basic',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core_Memory',
    'DefMemPerCPU=100',
    'MaxJobCount=20000',
    'MaxArraySize=10001',
    'MinJobAge=600',
    '',
    'SlurmdTimeout=10',
    'SlurmctldTimeout=10',
    // With the usual 10 s a lost node is noticed after 29 s instead of 17 s.
    'MessageTimeout=5',
    'TCPTimeout=2',
    'KillWait=3',
    // Of `--export=NONE`: no login shell is asked, but only what lies in the state folder (login-environment.ts).
    'GetEnvTimeout=0',
    'ReturnToService=2',
    'JobRequeue=1',
    'RebootProgram=/bin/true',
    '',
    'GresTypes=gpu,qpu',
    `Licenses=${Object.entries(LICENCES)
      .map(([name, count]) => `${name}:${count}`)
      .join(',')}`,
    ...NODES.map((node, index) => nodeLine(node, host, ports.nodes[index]!)),
    ...PARTITIONS.map(partitionLine),
  ]
  return `${lines.join('\n')}\n`
}

const CREDENTIAL_SECONDS = 5

function nodeLine({ name, feature, gres }: LabNode, host: string, port: number): string {
  const has = gres === undefined ? '' : ` Gres=${gres.name}:${gres.count}`
  return `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port} CPUs=${CPUS} RealMemory=${MEMORY_MB} Feature=${feature}${has} State=UNKNOWN`
}

function partitionLine({ name, nodes, maximum, usual }: (typeof PARTITIONS)[number]): string {
  const isDefault = name === DEFAULT_PARTITION ? ' Default=YES' : ''
  return `PartitionName=${name} Nodes=${nodes.join(',')}${isDefault} MaxTime=${maximum} DefaultTime=${usual} State=UP`
}

export function gresConf(folder: LabFolder): string {
  const lines = (NODES as readonly LabNode[]).flatMap(({ name, gres }) => {
    if (gres === undefined) return []
    if (gres.name !== 'gpu') return [`NodeName=${name} Name=${gres.name} Count=${gres.count}`]
    return Array.from({ length: gres.count }, (_, i) => `NodeName=${name} Name=gpu File=${folder.gpu(i)}`)
  })
  return `${['AutoDetect=off', ...lines].join('\n')}\n`
}

/** Read by slurmd even where nothing asks for control groups. */
export const CGROUP_CONF = 'CgroupAutomount=no\n'
