"""Settings of builtin operators: which table of the schema holds which of the fields that we read."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ai_edge_litert import schema_py_generated as schema

from edge_effnet.inspect.records import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["options_from_operator"]


def _names(enumeration: type) -> dict[int, str]:
    return {code: name for name, code in vars(enumeration).items() if not name.startswith("_")}


_PADDINGS = _names(schema.Padding)
_ACTIVATIONS = _names(schema.ActivationFunctionType)
_WEIGHTS_FORMATS = _names(schema.FullyConnectedOptionsWeightsFormat)
_OPTION_TABLES = _names(schema.BuiltinOptions)

_READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "strides": lambda table: (table.StrideH(), table.StrideW()),
        "dilation": lambda table: (table.DilationHFactor(), table.DilationWFactor()),
        "window": lambda table: (table.FilterHeight(), table.FilterWidth()),
        "padding": lambda table: _PADDINGS.get(table.Padding(), f"PADDING_{table.Padding()}"),
        "activation": lambda table: _ACTIVATIONS.get(
            table.FusedActivationFunction(), f"ACTIVATION_{table.FusedActivationFunction()}"
        ),
        "depth_multiplier": lambda table: table.DepthMultiplier(),
        "keep_dims": lambda table: table.KeepDims(),
        "axis": lambda table: table.Axis(),
        "weights_format": lambda table: _WEIGHTS_FORMATS.get(
            table.WeightsFormat(), f"FORMAT_{table.WeightsFormat()}"
        ),
        "ellipsis_mask": lambda table: table.EllipsisMask(),
        "new_axis_mask": lambda table: table.NewAxisMask(),
        "transposed": lambda table: (table.AdjX(), table.AdjY()),
    }
)

_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Conv2DOptions": ("strides", "dilation", "padding", "activation"),
        "DepthwiseConv2DOptions": ("strides", "dilation", "padding", "activation", "depth_multiplier"),
        "TransposeConvOptions": ("strides", "padding", "activation"),
        "Pool2DOptions": ("strides", "window", "padding", "activation"),
        "FullyConnectedOptions": ("activation", "weights_format"),
        "AddOptions": ("activation",),
        "SubOptions": ("activation",),
        "MulOptions": ("activation",),
        "DivOptions": ("activation",),
        "L2NormOptions": ("activation",),
        "ReducerOptions": ("keep_dims",),
        "ConcatenationOptions": ("axis", "activation"),
        "PackOptions": ("axis",),
        "StridedSliceOptions": ("ellipsis_mask", "new_axis_mask"),
        "BatchMatMulOptions": ("transposed",),
    }
)


def options_from_operator(operator: Any) -> Options:
    """Return the settings of an operator's table; all None for a kind whose settings nothing here needs."""
    name = _OPTION_TABLES.get(operator.BuiltinOptionsType(), "")
    union = operator.BuiltinOptions() if name in _FIELDS else None
    if union is None:
        return Options()
    table = getattr(schema, name)()
    table.Init(union.Bytes, union.Pos)
    return Options(**{field: _READERS[field](table) for field in _FIELDS[name]})
