/** Says whether a test would get a Slurm here: run as somebody else by the test beside it. */
import { withSlurm } from '../support/with-slurm.ts'

await using slurm = await withSlurm()
process.stdout.write('missing' in slurm ? `missing: ${slurm.missing}\n` : 'started\n')
