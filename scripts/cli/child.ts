/** Another program of ours in the foreground: it has our terminal, gets our signals, and its exit code is ours. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

export function runChild(file: string, args: string[]): Promise<number> {
  return runNode([file, ...args])
}

/** @param argv flags of Node itself, and what it runs. */
export function runNode(argv: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { stdio: 'inherit' })
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal)
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
    for (const signal of signals) process.on(signal, forward)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      for (const each of signals) process.off(each, forward)
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}
