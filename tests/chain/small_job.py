"""A stand-in for a verb: ``small_job.py small WITNESS SECONDS IN… -o OUT --json``. Each start is a line of the witness."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import psutil

from edge_effnet.chain import tether

tether.hold()
parser = argparse.ArgumentParser()
parser.add_argument("verb")
parser.add_argument("witness", type=Path)
parser.add_argument("seconds", type=float)
parser.add_argument("inputs", nargs="*", type=Path)
parser.add_argument("-o", dest="output", type=Path)
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--json", action="store_true")
found = parser.parse_intermixed_args()

with found.witness.open("a") as stream:
    above = [process.pid for process in psutil.Process().parents()]
    stream.write(json.dumps({"output": str(found.output), "pid": os.getpid(), "above": above}) + "\n")
time.sleep(found.seconds)
text = "".join(path.read_text() for path in found.inputs)
if found.output:
    found.output.write_text(f"{text}{found.output.name}\n")
print(json.dumps({"read": text}))
if found.exit:
    sys.stderr.write(f"error: asked to end with {found.exit}\n  fix: ask for something else\n")
sys.exit(found.exit)
