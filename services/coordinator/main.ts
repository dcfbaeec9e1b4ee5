import { runActor } from '#shared/actor/run-actor.ts'
import { startCoordinator } from './coordinator.ts'

await runActor({ name: 'coordinator', start: startCoordinator })
