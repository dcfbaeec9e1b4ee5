/** Which versions' runs this one can go on with: those of every version so far, and none of a later one. */
import { QubusError } from '#shared/contract/errors.ts'

/**
 * @param began the version that accepted the run; undefined for 0.1.0, which did not say.
 * @throws QubusError `VERSION_UNSUPPORTED` when it is later than `own` by more than a patch.
 */
export function assertReadable(run: string, began: string | undefined, own: string): void {
  if (began === undefined || !isLater(partsOf(began), partsOf(own))) return
  throw new QubusError(
    'VERSION_UNSUPPORTED',
    `run ${run} was begun by Qubus ${began}, this is ${own}, which can not read all of its log: start coordinators of ${began} or later, which take it up by themselves; for one that was given up, run qubus dead replay after that`,
    { facts: { run, began, own } },
  )
}

type Parts = [major: number, minor: number]

function partsOf(version: string): Parts {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0)
  return [major, minor]
}

function isLater([major, minor]: Parts, [ownMajor, ownMinor]: Parts): boolean {
  return major > ownMajor || (major === ownMajor && minor > ownMinor)
}
