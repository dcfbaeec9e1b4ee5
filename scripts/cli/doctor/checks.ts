/** What a host needs to run a system well. Each check says what it found, and what to do where that is not good. */
import type { Environment } from '#shared/config/environment.ts'
import { checkFileSystem, checkInodes, checkSpace, checkSyncRate } from './disk.ts'
import { checkMemory, checkOpenFiles, checkProcesses } from './limits.ts'
import { checkLoginNode } from './login-node.ts'
import { checkNode } from './node.ts'
import { checkBroker, checkBrokerBinary, checkHome, checkListeners, checkPostgres } from './servers.ts'

/** With advice although it is ok: a warning. */
export type Finding = { ok: boolean; found: string; advice?: string }

export type Check = { name: string; look(environment: Environment): Promise<Finding> }

export const CHECKS: readonly Check[] = [
  { name: 'node', look: checkNode },
  { name: 'open files', look: checkOpenFiles },
  { name: 'processes', look: checkProcesses },
  { name: 'memory', look: checkMemory },
  { name: 'login node', look: checkLoginNode },
  { name: 'broker program', look: checkBrokerBinary },
  { name: 'home', look: checkHome },
  { name: 'file system', look: checkFileSystem },
  { name: 'fsync', look: checkSyncRate },
  { name: 'space', look: checkSpace },
  { name: 'inodes', look: checkInodes },
  { name: 'broker', look: checkBroker },
  { name: 'postgres', look: checkPostgres },
  { name: 'ports', look: checkListeners },
]
