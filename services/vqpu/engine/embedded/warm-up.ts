import type { Simulator } from './simulate.ts'

const HEADER = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[5]; creg c[5]; creg d[1];'

/** Small circuits that go through every part of the engine, so that V8 has compiled it before the first real one. */
const STATIC = `${HEADER}
h q[0]; cx q[0],q[1]; cx q[1],q[2]; cx q[2],q[3]; cx q[3],q[4]; u3(0.3,-0.2,pi/7) q[1]; ccx q[0],q[1],q[2];
u2(0.1,0.2) q[3]; cx q[1],q[3]; rx(0.4) q[3]; cx q[1],q[3]; rz(0.3) q[1]; cp(0.5) q[2],q[4]; swap q[0],q[4]; measure q -> c;`
const DYNAMIC = `${HEADER}
gate both(a) x,y { ry(a) x; cx x,y; }
both(pi/3) q[0],q[1]; measure q[0] -> c[0]; if(c==1) x q[2]; reset q[0]; both(0.2) q[0],q[2]; measure q[2] -> d[0];`

/** About a tenth of a second: enough for the optimising compiler. */
export function warmUp(simulator: Simulator): void {
  for (let round = 0; round < 150; round++) {
    simulator.run({ id: 'warm-up', source: STATIC, shots: 500, seed: round })
    if (round % 4 === 0) simulator.run({ id: 'warm-up', source: DYNAMIC, shots: 100, seed: round })
  }
}
