// Adds 5 and 6 bit by bit, each carry into a qubit of its own. Every shot gives 1011, which is 11.
OPENQASM 2.0;
include "qelib1.inc";

// b becomes the sum bit, out the carry.
gate add_bits in, a, b, out {
  ccx a, b, out;
  cx a, b;
  ccx in, b, out;
  cx in, b;
}

qreg a[3];
qreg b[3];
qreg carry[4];
creg sum[4];

x a[0]; // 101
x a[2];
x b[1]; // 110
x b[2];
barrier a, b;

add_bits carry[0], a[0], b[0], carry[1];
add_bits carry[1], a[1], b[1], carry[2];
add_bits carry[2], a[2], b[2], carry[3];

measure b[0] -> sum[0];
measure b[1] -> sum[1];
measure b[2] -> sum[2];
measure carry[3] -> sum[3];
