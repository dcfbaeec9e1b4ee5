// Reads the phase of a gate: p(2 pi 5/8) turns |1> by 5/8 of a circle, so three bits tell it exactly. Every shot
// gives 101, which is 5.
OPENQASM 2.0;
include "qelib1.inc";

qreg count[3];
qreg eigenstate[1];
creg c[3];

x eigenstate[0];
h count;

// The gate once, twice and four times.
cp(2*pi*5/8) count[0], eigenstate[0];
cp(2*2*pi*5/8) count[1], eigenstate[0];
cp(4*2*pi*5/8) count[2], eigenstate[0];

// The inverse Fourier transform.
swap count[0], count[2];
h count[0];
cp(-pi/2) count[0], count[1];
h count[1];
cp(-pi/4) count[0], count[2];
cp(-pi/2) count[1], count[2];
h count[2];
measure count -> c;
