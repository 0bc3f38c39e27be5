"""`python -m edge_effnet` is the command `edge-effnet`."""

from edge_effnet.cli.main import main

main()
