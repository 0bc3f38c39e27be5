"""The one call behind `edge-effnet convert`: prepare, quantise, write, finish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_effnet.convert.contract import record_from_factors
from edge_effnet.convert.converter import tflite_from_converter
from edge_effnet.convert.edgetpu import edgetpu_notes, for_edgetpu
from edge_effnet.convert.features import find_feature_map, write_quantized
from edge_effnet.convert.prepared import prepare
from edge_effnet.convert.result import finish
from edge_effnet.convert.tflite import tflite_from_graph
from edge_effnet.models.fold import fold_std
from edge_effnet.quantize.ptq import quantize_by_reconstruction
from edge_effnet.quantize.recipes import get_recipe
from edge_effnet.quantize.segments import cut_into_segments

if TYPE_CHECKING:
    from edge_effnet.convert.prepared import Prepared
    from edge_effnet.convert.request import ConvertRequest
    from edge_effnet.convert.result import ConvertResult
    from edge_effnet.progress import Reporter

__all__ = ["convert"]


def convert(request: ConvertRequest, reporter: Reporter) -> ConvertResult:
    """Convert one model.

    Raises:
        UsageError: The output is there already, or an option does not go with the model.
        DataError: Weights, labels or calibration images are unusable.
        ConversionError: The network has a part that cannot be converted.
        GateError: The result is not integers from end to end.
    """
    prepared = prepare(request, reporter)
    model, choices = _write_model(request, prepared, reporter)
    notes = () if request.target is None else edgetpu_notes(model)
    return finish(request, prepared, model, choices, prepared.outputs, reporter, notes=notes)


def _write_model(
    request: ConvertRequest, prepared: Prepared, reporter: Reporter
) -> tuple[bytes, dict[str, Any]]:
    """Return the model's bytes and what the recipe decided."""
    feed, folded = prepared.feed, prepared.folded
    if feed is None:
        with reporter.stage("write"):
            return tflite_from_graph(fold_std(prepared.graph), request.precision), {}
    if request.with_features:
        find_feature_map(folded)  # now, not after the work
    settings = get_recipe(request.recipe).settings
    if settings is None:
        with reporter.stage("converter"):
            return tflite_from_converter(folded, feed, request.io, reporter), {}
    with reporter.stage("quantize", total=len(cut_into_segments(folded))):
        quantized = quantize_by_reconstruction(folded, feed, settings, reporter)
    if request.target == "edgetpu":
        quantized = for_edgetpu(quantized)
    choices = {"channel_factors": record_from_factors(quantized.factors)}
    with reporter.stage("write"):
        return write_quantized(request, quantized, choices)
