// Searches four places for the one marked, 11: with two qubits one look is enough, so every shot gives 11.
OPENQASM 2.0;
include "qelib1.inc";

qreg q[2];
creg c[2];

h q;
cz q[0], q[1]; // the mark
h q;           // mirror at the mean
x q;
cz q[0], q[1];
x q;
h q;
measure q -> c;
