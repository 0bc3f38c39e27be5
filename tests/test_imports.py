"""Who may import whom, and what the light commands do without."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from build_model import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "edge_effnet"

BASE = {"errors", "artifacts", "progress"}

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "progress": set(),
    "artifacts": {"errors"},
    "process": {"errors"},
    "environment": {"errors", "process"},
    "preprocessing": {"errors"},
    "images": {"errors", "preprocessing"},
    "proportions": set(),
    "schemas": {"errors"},
    "variants": {"errors"},
    "runtimes": BASE | {"process", "environment"},
    "inspect": BASE,
    "model_contract": BASE | {"inspect", "preprocessing"},
    "activation_map": {"errors", "inspect", "model_contract"},
    "model_bytes": set(),
    "calibrate": BASE | {"images"},
    "models": BASE | {"variants"},
    "train": BASE | {"models", "calibrate", "images"},
    "quantize": BASE | {"models", "calibrate"},
    "convert": BASE
    | {
        "models",
        "calibrate",
        "quantize",
        "inspect",
        "runtimes",
        "images",
        "model_contract",
        "activation_map",
        "model_bytes",
    },
    "verify": BASE
    | {"models", "calibrate", "quantize", "convert", "inspect", "runtimes", "images", "variants"},
    "qat": BASE
    | {
        "models",
        "calibrate",
        "train",
        "quantize",
        "convert",
        "inspect",
        "verify",
        "evaluate",
        "runtimes",
        "images",
    },
    "evaluate": BASE
    | {"models", "convert", "inspect", "verify", "runtimes", "images", "proportions", "model_contract"},
    "tune": BASE
    | {
        "models",
        "calibrate",
        "train",
        "quantize",
        "convert",
        "inspect",
        "verify",
        "evaluate",
        "qat",
        "bench",
        "runtimes",
        "images",
    },
    "quickstart": BASE | {"bench", "calibrate", "convert", "inspect", "evaluate", "runtimes", "images"},
    "edgetpu": BASE | {"process", "environment", "inspect", "variants"},
    "bench": BASE | {"process", "environment", "inspect", "runtimes", "variants"},
    "demo": BASE
    | {"process", "inspect", "runtimes", "bench", "images", "preprocessing", "model_contract"}
    | {"activation_map", "model_bytes"},
    "report": BASE | {"environment", "schemas", "proportions"},
    "config": BASE | {"models", "calibrate", "quantize", "convert", "runtimes", "bench", "report"},
    "chain": BASE | {"config", "process"},
    "__main__": {"cli"},
    "cli": BASE
    | {"variants", "train", "qat", "convert", "inspect", "verify", "evaluate", "tune", "quickstart"}
    | {"bench", "report", "chain", "config", "runtimes", "environment", "edgetpu", "demo"},
}
"""Part of the package -> the parts that it may import: the line of the pipeline, read backwards."""

HEAVY = {"tensorflow", "tf_keras", "keras"}


def _part(module: str) -> str:
    return module.split(".")[1]


def _is_part(name: str) -> bool:
    return (PACKAGE / name / "__init__.py").exists() or (PACKAGE / f"{name}.py").exists()


def _imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # `from edge_effnet import x` may name a part of the package.
            inside = [alias.name for alias in node.names] if node.module == "edge_effnet" else []
            yield from (f"{node.module}.{name}" for name in inside)
            yield node.module or ""


def _edges() -> dict[tuple[str, str], set[str]]:
    """Return (part, imported part) -> the files that do it."""
    edges: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).with_suffix("").parts
        for module in _imports(path):
            if module.startswith("edge_effnet.") and _is_part(_part(module)):
                edges[place[0], _part(module)].add(str(path.relative_to(ROOT)))
    return {edge: files for edge, files in edges.items() if edge[0] != edge[1]}


def test_imports_point_down_the_line_and_never_up() -> None:
    """Command line -> stages in order -> runtimes, variants, images -> errors; every edge is in the table."""
    wrong = {
        edge: sorted(files) for edge, files in _edges().items() if edge[1] not in ALLOWED.get(edge[0], set())
    }
    assert not wrong


def test_the_table_names_every_part_and_has_no_circle() -> None:
    """A part that is not in the table has no place in the line; what is in it can be put in one order."""
    parts = {path.stem for path in PACKAGE.iterdir() if _is_part(path.stem)}
    assert parts - {"__init__"} == set(ALLOWED)
    order: list[str] = []
    while len(order) < len(ALLOWED):
        ready = [part for part in ALLOWED if part not in order and ALLOWED[part] <= set(order)]
        assert ready, f"a circle among {set(ALLOWED) - set(order)}"
        order += ready


def test_tensorflow_is_imported_in_one_place() -> None:
    """Late, quietly and with a clear error: `edge_effnet.models.keras`, and nobody else by its name."""
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for module in _imports(path)
        if module.split(".")[0] in HEAVY
    }
    assert found == set()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Run the light commands one after the other in one fresh process; what is loaded after each."""
    model = tmp_path_factory.mktemp("light") / "m.tflite"
    model.write_bytes(clean().pack())
    commands = [["--help"], ["list"], ["list", "--json"], ["info", "b0", "lite0"], ["inspect", str(model)]]
    program = f"""
import contextlib, io, json, sys
import edge_effnet
loaded = {{"import edge_effnet": list(sys.modules)}}
from edge_effnet.cli.main import run
for command in {commands!r}:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert run(command) == 0, command
    loaded[command[0]] = list(sys.modules)
print(json.dumps(loaded))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    result: dict[str, list[str]] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("command", ["import edge_effnet", "--help", "list", "info", "inspect"])
def test_light_commands_load_no_tensorflow(command: str, loaded: dict[str, list[str]]) -> None:
    """They answer at once, and on a machine that has no TensorFlow."""
    assert not {name.split(".")[0] for name in loaded[command]} & {*HEAVY, "h5py", "matplotlib"}
    assert "edge_effnet" in loaded[command]


def test_importing_the_package_loads_next_to_nothing(loaded: dict[str, list[str]]) -> None:
    """Not even numpy: `import edge_effnet` is for its version and its names."""
    assert "numpy" not in loaded["import edge_effnet"]
