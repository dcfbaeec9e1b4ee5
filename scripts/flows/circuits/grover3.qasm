// Searches eight places for the one marked, 101, in two rounds: 101 in 121/128 (94.5 %) of the shots, each other
// outcome in 1/128.
OPENQASM 2.0;
include "qelib1.inc";

gate ccz a, b, c { h c; ccx a, b, c; h c; }
gate mark a, b, c { x b; ccz a, b, c; x b; }
gate mirror a, b, c { h a; h b; h c; x a; x b; x c; ccz a, b, c; x a; x b; x c; h a; h b; h c; }

qreg q[3];
creg c[3];

h q;
mark q[0], q[1], q[2];
mirror q[0], q[1], q[2];
mark q[0], q[1], q[2];
mirror q[0], q[1], q[2];
measure q -> c;
