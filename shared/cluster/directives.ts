/** What the directives of a cluster file ask Slurm for, where somebody else must know it too. */

/** The long names of those options that have a short one. */
const SHORT: Record<string, string> = {
  A: 'account',
  G: 'gpus',
  N: 'nodes',
  p: 'partition',
  t: 'time',
}

/** The value of an option, in the last directive that has it: Slurm takes that one. Empty for an option without a value. */
export function directive(directives: readonly string[], name: string): string | undefined {
  return directives
    .map(readDirective)
    .filter((each) => each?.name === name)
    .at(-1)?.value
}

/** `--name=value`, `--name value`, `-x value`, `-xvalue`. Of several in one line, the first. */
function readDirective(text: string): { name: string; value: string } | undefined {
  const long = /^--([a-z][a-z-]*)(?:(?:=|\s+)("[^"]*"|\S+))?/.exec(text.trim())
  if (long !== null) return { name: long[1] ?? '', value: unquoted(long[2]) }
  const short = /^-([A-Za-z])(?:=|\s*)("[^"]*"|\S+)?/.exec(text.trim())
  const name = SHORT[short?.[1] ?? '']
  return name === undefined ? undefined : { name, value: unquoted(short?.[2]) }
}

function unquoted(text = ''): string {
  return text.replace(/^"(.*)"$/, '$1')
}

/** A generic resource of a node: `gpu:a100:2`. */
export type Gres = { name: string; type?: string | undefined; count: number }

/** As `--gres` and `sinfo` write them: `gpu:a100:2(S:0-1),qpu:1`. Nothing for `(null)` and `none`. */
export function parseGres(text: string): Gres[] {
  const plain = text.trim().replaceAll(/\([^)]*\)/g, '')
  return plain
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && each !== 'none')
    .map((each) => {
      const [name = '', ...rest] = each.split(/[:=]/)
      const last = rest.at(-1)
      const counted = last !== undefined && /^\d+[kmgt]?$/i.test(last)
      const type = (counted ? rest.slice(0, -1) : rest).join(':')
      return { name, type: type === '' ? undefined : type, count: counted ? withUnit(last) : 1 }
    })
}

function withUnit(text: string): number {
  const power = ['k', 'm', 'g', 't'].indexOf(text.at(-1)?.toLowerCase() ?? '') + 1
  return Number.parseInt(text, 10) * 1024 ** power
}

/** What one node of the job must have: of `--gres` and of the options that ask for GPUs only. */
export function askedGres(directives: readonly string[]): Gres[] {
  const gres = parseGres(directive(directives, 'gres') ?? '')
  if (gres.some(({ name }) => name === 'gpu')) return gres
  const nodes = Math.max(1, Number.parseInt(directive(directives, 'nodes') ?? '1', 10) || 1)
  const perNode = directive(directives, 'gpus-per-node') ?? directive(directives, 'gpus-per-task')
  const inAll = directive(directives, 'gpus')
  const gpus = parseGres(`gpu:${perNode ?? inAll}`).map((each) =>
    perNode === undefined ? { ...each, count: Math.ceil(each.count / nodes) } : each,
  )
  return perNode === undefined && inAll === undefined ? gres : [...gres, ...gpus]
}

/** GPUs of one node of the job; undefined where no directive says so. */
export function askedGpus(directives: readonly string[]): number | undefined {
  const gpus = askedGres(directives).filter(({ name }) => name === 'gpu')
  return gpus.length === 0 ? undefined : gpus.reduce((sum, { count }) => sum + count, 0)
}
