/** Lines for the run's log, from flows and tasks. A replay does not repeat them. */
import { currentRuntime } from './runtime.ts'

type Fields = Record<string, unknown>

const say =
  (level: 'debug' | 'info' | 'warn' | 'error') =>
  (text: string, fields?: Fields): void => {
    const runtime = currentRuntime()
    const context = runtime?.task() ?? runtime?.flow()
    if (context) context.log(level, String(text), fields)
    else console.error(`${level}: ${text}`, fields ?? '')
  }

export const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
