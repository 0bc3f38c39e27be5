"""The engines inside this process: LiteRT with XNNPACK, with its plain kernels, with its reference kernels."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.runtimes.base import Available, Missing, TensorSpec
from edge_effnet.runtimes.complaints import explained
from edge_effnet.runtimes.tensors import check_input, check_outputs, check_value, input_from_pixels

if TYPE_CHECKING:
    from edge_effnet.runtimes.base import Floats, Probe, Tensor

__all__ = ["BUILTIN", "REFERENCE", "XNNPACK", "LiteRtEngine", "LocalModel"]

_PACKAGE = "ai-edge-litert"
_INSTALL = f"pip install {_PACKAGE}"
_IDENTIFIER = b"TFL3"  # bytes 4..7 of every .tflite file: the flatbuffer's file identifier

_RESOLVERS = {
    "xnnpack": "AUTO",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
"""Engine -> name in LiteRT's `OpResolverType`; AUTO is the one that applies the XNNPACK delegate."""


@dataclass(frozen=True)
class LiteRtEngine:
    """LiteRT with one set of kernels.

    Attributes:
        name: ``xnnpack``, ``builtin`` or ``reference``.
    """

    name: str

    def probe(self) -> Probe:
        """Say whether LiteRT can be imported and knows this set of kernels."""
        try:
            resolvers = _litert().OpResolverType.__members__
        except EdgeEffnetError as error:
            return Missing(error.message, error.hint or _INSTALL)
        if _RESOLVERS[self.name] not in resolvers:
            return Missing(f"this {_PACKAGE} has no {_RESOLVERS[self.name]}", f"{_INSTALL} --upgrade")
        return Available(f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)}")

    def load(self, model: Path | bytes, threads: int = 1) -> LocalModel:
        """Load a model; see `LocalModel`."""
        return LocalModel(model, self.name, threads)


XNNPACK = LiteRtEngine("xnnpack")
BUILTIN = LiteRtEngine("builtin")
REFERENCE = LiteRtEngine("reference")


class LocalModel:
    """A model inside this process.

    LiteRT releases the interpreter lock while it runs, so one `LocalModel` per thread uses every core; one object must
    not be used from two threads at once. Give ``bytes`` to let several share the file's memory.

    Args:
        model: Path of a .tflite file, or its content.
        engine: ``xnnpack``, ``builtin`` or ``reference``.
        threads: Threads inside one run.
        keep_tensors: Keep every intermediate tensor, for `tensor`; not with ``xnnpack``, which fuses them away.

    Raises:
        DataError: The file is missing or malformed, or its input is not one image, or its output not one row.
        EnvironmentFault: LiteRT is missing, or lacks an operator of the model.
        UnknownNameError: There is no such engine.
    """

    def __init__(
        self, model: Path | bytes, engine: str = "xnnpack", threads: int = 1, *, keep_tensors: bool = False
    ) -> None:
        if engine not in _RESOLVERS:
            raise UnknownNameError("engine", engine, _RESOLVERS)
        if keep_tensors and engine == "xnnpack":
            raise UsageError(
                "xnnpack keeps no intermediate tensors", got=engine, allowed="builtin, reference"
            )
        self.engine = engine
        self._what = "the model in memory" if isinstance(model, bytes) else str(model)
        self._interpreter = self._create(_content(model), threads, keep_tensors)
        self.input = self._only(self._interpreter.get_input_details(), "input")
        details = self._interpreter.get_output_details()
        self.outputs = tuple(_spec(detail) for detail in details)
        check_input(self.input)
        self.output = check_outputs(self.outputs)
        self._input_index = int(self._interpreter.get_input_details()[0]["index"])
        self._output_indices = [int(detail["index"]) for detail in details]

    def run(self, value: Tensor) -> Tensor:
        """Run once on an input of exactly `input`'s type and shape; return a copy of the raw output."""
        return self.run_all(value)[0]

    def run_all(self, value: Tensor) -> tuple[Tensor, ...]:
        """Run once; return copies of every raw output, the scores first."""
        check_value(value, self.input)
        try:
            self._interpreter.set_tensor(self._input_index, value)
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise explained(str(error), self._what, self.engine) from error
        return tuple(self._interpreter.get_tensor(index) for index in self._output_indices)

    def input_from_pixels(self, pixels: Tensor) -> Tensor:
        """Return the input tensor for ``(height, width, 3) uint8`` pixels; see `edge_effnet.runtimes.tensors`."""
        return input_from_pixels(pixels, self.input)

    def run_pixels(self, pixels: Tensor) -> Tensor:
        """Run once on ``(height, width, 3) uint8`` pixels; return a copy of the raw output."""
        return self.run(self.input_from_pixels(pixels))

    def logits(self, pixels: Tensor) -> Floats:
        """Run once on ``(height, width, 3) uint8`` pixels; return the real output values, ``(classes,)`` float32."""
        return self.output.reals(self.run_pixels(pixels)).reshape(-1)

    def tensor(self, name: str) -> Floats:
        """Return the real values that an intermediate tensor had in the last run; needs ``keep_tensors``."""
        details = self._details
        if name not in details:
            raise UnknownNameError("tensor", name, details)
        codes: Tensor = self._interpreter.get_tensor(int(details[name]["index"]))
        return _spec(details[name]).reals(codes)

    def tensor_names(self) -> tuple[str, ...]:
        """Return the names of every tensor of the model."""
        return tuple(self._details)

    @cached_property
    def _details(self) -> dict[str, dict[str, Any]]:
        """Name -> LiteRT's description; asked for once, because LiteRT describes every tensor anew each time."""
        return {str(detail["name"]): detail for detail in self._interpreter.get_tensor_details()}

    def _create(self, content: bytes, threads: int, keep_tensors: bool) -> Any:
        litert = _litert()
        if content[4:8] != _IDENTIFIER:
            raise DataError(
                "the file is not a .tflite model", got=self._what, hint="give a file that `convert` wrote"
            )
        try:
            interpreter = litert.Interpreter(
                model_content=content,
                num_threads=threads,
                experimental_op_resolver_type=litert.OpResolverType[_RESOLVERS[self.engine]],
                experimental_preserve_all_tensors=keep_tensors,
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise explained(str(error), self._what, self.engine) from error
        return interpreter

    def _only(self, details: list[dict[str, Any]], kind: str) -> TensorSpec:
        if len(details) != 1:
            raise DataError(
                f"the model has {len(details)} {kind}s; an image classifier has one", got=self._what
            )
        return _spec(details[0])


@lru_cache(maxsize=1)
def _litert() -> Any:
    """Return LiteRT's interpreter module.

    Raises:
        EnvironmentFault: It is not installed or cannot be loaded.
    """
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        raise EnvironmentFault(f"LiteRT cannot be loaded: {error}", hint=_INSTALL) from error
    return interpreter


def _content(model: Path | bytes) -> bytes:
    """Return the bytes of a model; empty and unreadable files are refused here, with their name."""
    if isinstance(model, bytes):
        return model
    try:
        return Path(model).read_bytes()
    except OSError as error:
        raise DataError(f"the model cannot be read: {error.strerror}", got=model) from error


def _spec(detail: dict[str, Any]) -> TensorSpec:
    """Return what a tensor holds, from LiteRT's description of it."""
    scales = detail["quantization_parameters"]["scales"]
    zeros = detail["quantization_parameters"]["zero_points"]
    quantised = len(scales) == 1
    return TensorSpec(
        name=str(detail["name"]),
        dtype=np.dtype(detail["dtype"]).name,
        shape=tuple(int(size) for size in detail["shape"]),
        scale=float(scales[0]) if quantised else None,
        zero_point=int(zeros[0]) if quantised else None,
    )
