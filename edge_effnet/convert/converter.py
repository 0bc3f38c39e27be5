"""TensorFlow's own converter as a baseline, fed with the same frozen graph; and metadata for files that others wrote."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from edge_effnet.errors import ConversionError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.model_bytes import aligned, bytes_from_model
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.progress import track
from edge_effnet.quantize.execute import float_function, input_values
from edge_effnet.quantize.scheme import input_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.calibrate import CalibrationFeed
    from edge_effnet.models.graph import Graph
    from edge_effnet.progress import Reporter

__all__ = ["tflite_from_converter", "with_metadata"]


def with_metadata(model: bytes, metadata: dict[str, bytes]) -> bytes:
    """Return a model with named blobs added; buffers stay aligned."""
    content = tfl.ModelT.InitFromPackedBuf(model, 0)
    content.metadata = list(content.metadata or [])
    for name, blob in metadata.items():
        entry = tfl.MetadataT()
        entry.name, entry.buffer = name, len(content.buffers)
        content.buffers.append(aligned(np.frombuffer(blob, np.uint8)))
        content.metadata.append(entry)
    return bytes_from_model(content, size_bytes=len(model))


def tflite_from_converter(graph: Graph, feed: CalibrationFeed, io: str, reporter: Reporter) -> bytes:
    """Quantise with ``tf.lite.TFLiteConverter`` and a representative dataset: smallest and largest value seen.

    The graph has a static batch of one and no variables, which spares the converter the slow way through a SavedModel
    and the SHAPE and PACK operators of a dynamic batch; what it does about ranges is all its own.

    Raises:
        ConversionError: The converter failed, or gave the input a scale that a raw pixel does not fit.
    """
    tf = import_tensorflow()
    run = float_function(graph)
    # An integer input is the pixel by its codes alone; a float one holds the pixel, and the network takes the offset off.
    raw, offset = io == "float32", np.asarray(graph.normalisation.mean, np.float32)
    signature = tf.TensorSpec(graph.shapes[graph.input_name], tf.float32, name=graph.input_name)
    function = tf.function(
        lambda values: run(values - offset if raw else values)[graph.output_name], input_signature=[signature]
    )

    def images() -> Iterator[list[Any]]:
        for batch in track(feed.batches(1), reporter):
            yield [batch.astype(np.float32) if raw else input_values(graph, batch)]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = images
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001 - old runtimes want one scale
    if io != "float32":
        converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # it warns of statistics that this way of quantising does not need
            content: bytes = converter.convert()
    except Exception as error:
        raise ConversionError(
            "TensorFlow's converter failed", got=f"{type(error).__name__}: {error}"
        ) from error
    _check_input(content, graph, io)
    return content


def _check_input(content: bytes, graph: Graph, io: str) -> None:
    """The contract says int8 = pixel - 128: that holds only if calibration saw both black and white."""
    found = read_model_bytes(content).main.input_tensors[0]
    wanted = input_grid(graph)
    if io == "float32":
        return
    zero_point = wanted.zero_point + (128 if io == "uint8" else 0)
    if found.scale is None or abs(found.scale - wanted.scale) > 1e-3 or found.zero_point != zero_point:
        raise ConversionError(
            "the converter chose an input scale that raw pixels do not fit",
            got=f"scale {found.scale}, zero point {found.zero_point}",
            allowed=f"scale {wanted.scale}, zero point {zero_point}",
            hint="calibrate on more images, with black and white in them, or use --recipe ptq",
        )
