/** Says whether a test would get a Slurm here; with `stay` it then has a job until it is ended. Run by the tests beside it. */
import { slurmUser } from '../support/slurm-user.ts'
import { until } from '../support/until.ts'
import { withSlurm } from '../support/with-slurm.ts'
import { STAYING } from './job-start.ts'

await using slurm = await withSlurm()
if ('missing' in slurm) process.stdout.write(`missing: ${slurm.missing}\n`)
else if (process.argv[2] !== 'stay') process.stdout.write('started\n')
else {
  const user = slurmUser(slurm)
  const job = await user.submit(STAYING, '--output=/dev/null')
  await until('it runs', async () => (await user.fieldOf(job, 'JobState')) === 'RUNNING')
  process.stdout.write(`started ${slurm.folder.root}\n`)
  await new Promise(() => setInterval(() => {}, 1_000))
}
