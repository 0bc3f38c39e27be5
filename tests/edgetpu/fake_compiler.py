"""Stands in for `edgetpu_compiler`: prints what it is told, leaves what it is told, and notes what it was asked.

What to do stands in ``plan.json`` beside it: ``stdout``, ``stderr``, ``returncode``, ``seconds`` to wait, ``files`` (output
name -> a file to copy), ``tables`` (name -> text).
"""

import json
import pathlib
import sys
import time

here = pathlib.Path(__file__).resolve().parent
plan = json.loads((here / "plan.json").read_text())
(here / "asked.json").write_text(json.dumps(sys.argv[1:]))
out = pathlib.Path(sys.argv[sys.argv.index("--out_dir") + 1])
time.sleep(plan.get("seconds", 0))
for name, source in plan.get("files", {}).items():
    (out / name).write_bytes(pathlib.Path(source).read_bytes())
for name, text in plan.get("tables", {}).items():
    (out / name).write_text(text)
sys.stdout.write(plan.get("stdout", ""))
sys.stderr.write(plan.get("stderr", ""))
sys.exit(plan.get("returncode", 0))
