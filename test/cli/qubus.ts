/** The real command, as a child process. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const MAIN = fileURLToPath(new URL('../../scripts/cli/main.ts', import.meta.url))

export type Said = { exitCode: number; stdout: string; stderr: string; lines: Array<Record<string, unknown>> }

export type QubusOptions = { home?: string; cwd?: string; env?: Record<string, string>; timeout?: number }

/** @param args as typed after `qubus`. `lines`: what stdout holds as JSON, a line each. */
export async function qubus(
  args: string[],
  { home, cwd, env, timeout = 120_000 }: QubusOptions = {},
): Promise<Said> {
  const { exitCode, stdout, stderr } = await start(args, { home, cwd, env, timeout })
  return { exitCode: exitCode ?? -1, stdout, stderr, lines: jsonLines(stdout) }
}

/** The same, to be watched and signalled by the caller. */
export function start(args: string[], { home, cwd, env, timeout = 120_000 }: QubusOptions = {}) {
  return execa(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    reject: false,
    timeout,
    ...(cwd === undefined ? {} : { cwd }),
    env: {
      QUBUS_URL: '',
      QUBUS_CREDS: '',
      QUBUS_DATABASE_URL: '',
      NO_COLOR: '1',
      ...(home === undefined ? {} : { QUBUS_HOME: home }),
      ...env,
    },
  })
}

/** The code of the error in a line. */
export function codeOf(line: Record<string, unknown> | undefined): string | undefined {
  return (line?.['error'] as { code: string } | undefined)?.code
}

function jsonLines(text: string): Array<Record<string, unknown>> {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>]
    } catch {
      return []
    }
  })
}
