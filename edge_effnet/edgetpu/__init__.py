"""Stage: edgetpu. Compiles models for Coral's Edge TPU, and says how long they would take on one."""
