// The Fourier transform finds a period. The input is 1 + 5 + 9 + 13, evenly: period 4, shifted by 1. Whatever the shift,
// only multiples of 16/4 come out: 0000, 0100, 1000 and 1100, a quarter of the shots each.
OPENQASM 2.0;
include "qelib1.inc";

gate qft a, b, c, d {
  h d;
  cp(pi/2) c, d;
  cp(pi/4) b, d;
  cp(pi/8) a, d;
  h c;
  cp(pi/2) b, c;
  cp(pi/4) a, c;
  h b;
  cp(pi/2) a, b;
  h a;
  swap a, d;
  swap b, c;
}

qreg q[4];
creg c[4];

x q[0];
h q[2];
h q[3];
qft q[0], q[1], q[2], q[3];
measure q -> c;
