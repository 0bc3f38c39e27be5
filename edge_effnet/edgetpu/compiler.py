"""Finds and runs `edgetpu_compiler`, in a folder of its own, and keeps what it left."""

from __future__ import annotations

import os
import platform
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.edgetpu.log import merged, read_log
from edge_effnet.errors import ConversionError, DataError, EnvironmentFault, UsageError
from edge_effnet.process import TimeLimitFault, find_program, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_effnet.edgetpu.log import CompilerLog
    from edge_effnet.process import Finished, Runner

__all__ = ["VARIABLE", "Compiled", "CompilerOptions", "compiled", "find_compiler", "output_name"]

PROGRAM: Final = "edgetpu_compiler"
VARIABLE: Final = "EDGETPU_COMPILER"
"""Environment variable that may name the compiler."""

DEFAULT_TIMEOUT_S: Final = 180
"""The compiler's own; not named to it, since older ones may not know the word."""

_GRACE_S: Final = 30.0
"""Beyond its own time limit, so that it can say so itself."""

_INSTALL: Final = (
    "install edgetpu_compiler 16 (x86-64 Linux only) as coral.ai/docs/edgetpu/compiler says,"
    f" or give --compiler PATH or {VARIABLE}; the prediction needs none"
)


@dataclass(frozen=True)
class CompilerOptions:
    """What the compiler is asked for.

    Attributes:
        timeout_s: Its time limit.
        min_runtime: Edge TPU runtime to compile for, 10 to 14; None for its own choice, the latest.
        search_delegate: Whether it tries with ever fewer operators when it fails (compiler 16).
        all_subgraphs: Whether it may leave several parts on the Edge TPU (experimental there).
        intermediate_tensors: Tensors at which to cut; what comes after stays on the CPU.
    """

    timeout_s: int = DEFAULT_TIMEOUT_S
    min_runtime: int | None = None
    search_delegate: bool = False
    all_subgraphs: bool = False
    intermediate_tensors: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """Return them as arguments."""
        return [
            "--show_operations",
            *(["--timeout_sec", str(self.timeout_s)] if self.timeout_s != DEFAULT_TIMEOUT_S else []),
            *(["--min_runtime_version", str(self.min_runtime)] if self.min_runtime is not None else []),
            *(["--search_delegate"] if self.search_delegate else []),
            *(["-a"] if self.all_subgraphs else []),
            *(
                ["--intermediate_tensors", ",".join(self.intermediate_tensors)]
                if self.intermediate_tensors
                else []
            ),
        ]


@dataclass(frozen=True)
class Compiled:
    """What the compiler left, still in its own folder.

    Attributes:
        files: The compiled models, in the order of those given.
        log: What it said, with the tables of operators.
        text: All that it said.
    """

    files: tuple[Path, ...]
    log: CompilerLog
    text: str


def find_compiler(path: Path | None = None) -> str:
    """Return the compiler that is to be used: the path given, `EDGETPU_COMPILER`, or the first on the path.

    Raises:
        UsageError: The path given is no program.
        EnvironmentFault: There is none; the hint says what to install.
    """
    if path is not None:
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise UsageError(
                "no program at the path of the compiler",
                got=path,
                allowed="--compiler PATH of edgetpu_compiler",
            )
        return str(path.absolute())
    found = find_program(PROGRAM, VARIABLE)
    if found is None:
        named = os.environ.get(VARIABLE)
        here = f"{platform.system()} {platform.machine()}"
        raise EnvironmentFault(
            "the Edge TPU compiler is not here",
            got=f"{VARIABLE}={named}, which is no program" if named else f"no {PROGRAM} on the path ({here})",
            hint=_INSTALL,
        )
    return os.path.abspath(found)  # noqa: PTH100 - not resolved: a wrapper may look at its own name


def output_name(model: Path) -> str:
    """Return the name that the compiler gives to what it makes of a model."""
    return f"{model.stem}_edgetpu.tflite"


@contextmanager
def compiled(
    models: Sequence[Path], compiler: str, options: CompilerOptions, *, run: Runner = run_program
) -> Iterator[Compiled]:
    """Compile models, together if they are several; what comes out is there until the block ends.

    Raises:
        ConversionError: It fails, by its return code, by its words or by leaving no file.
        DataError: Its log cannot be read.
        EnvironmentFault: It cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="edge-effnet-edgetpu-") as name:
        folder = Path(name)
        # Absolute paths, so that no name is taken for an option.
        argv = [compiler, "--out_dir", name, *options.words(), *(str(model.absolute()) for model in models)]
        try:
            done = run(argv, timeout_s=options.timeout_s + _GRACE_S, cwd=folder)
        except TimeLimitFault as error:
            raise ConversionError(
                f"the Edge TPU compiler did not end within {options.timeout_s} s",
                got=", ".join(map(str, models)),
                hint="raise --timeout, or compile a smaller variant",
            ) from error
        yield _judged(models, folder, done)


def _judged(models: Sequence[Path], folder: Path, done: Finished) -> Compiled:
    text = f"{done.complaint}\n{done.text}"
    files = tuple(folder / output_name(model) for model in models)
    try:
        log = read_log(text)
    except DataError as error:
        if done.returncode == 0:
            raise
        raise _failure(done, "", error.message) from error
    if done.returncode != 0 or not log.succeeded or not all(file.is_file() for file in files):
        telling = [complaint for complaint in log.complaints if complaint.cause] or list(log.complaints)
        cause = telling[0].cause or telling[0].line if telling else ""
        raise _failure(done, cause, telling[0].fix if telling else "", telling[0].line if telling else "")
    tables = [read_log(table.read_text(errors="replace")) for table in sorted(folder.glob("*_edgetpu.log"))]
    return Compiled(files, merged(log, tables), text)


def _failure(done: Finished, cause: str, fix: str, line: str = "") -> ConversionError:
    if done.returncode < 0:
        what = f"the Edge TPU compiler was ended by signal {-done.returncode}"
    elif done.returncode or cause:
        what = f"the Edge TPU compiler failed{': ' + cause if cause else ''}"
    else:
        what = "the Edge TPU compiler says that it succeeded, and left no file"
    last = (done.complaint or done.text).strip().splitlines()[-1:]
    return ConversionError(
        what,
        got=f"exit status {done.returncode}: {(line or ''.join(last))[:300]}",
        hint=fix or "edge-effnet edgetpu check",
    )
