// Carries a qubit's state over with two classical bits. The message is found 1 in a quarter of the shots, so Bob's bit,
// the leftmost of the key, must be 1 in a quarter of the shots too. Alice's two bits are even coins:
// "0 x z" comes with probability 3/16 and "1 x z" with 1/16, for each x and z.
OPENQASM 2.0;
include "qelib1.inc";

qreg message[1];
qreg alice[1];
qreg bob[1];
creg z[1];
creg x[1];
creg result[1];

ry(pi/3) message[0];

// The shared pair.
h alice[0];
cx alice[0], bob[0];
barrier message, alice, bob;

// Alice compares her half with the message.
cx message[0], alice[0];
h message[0];
measure message[0] -> z[0];
measure alice[0] -> x[0];

// Bob corrects his half by what she tells him.
if (x == 1) x bob[0];
if (z == 1) z bob[0];
measure bob[0] -> result[0];
