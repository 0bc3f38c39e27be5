"""The integer gate: is a model made of 8-bit integers from its input to its output, and will old runtimes read it?

Each rule is a small function that yields findings; this file is the table of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edge_effnet.errors import UnknownNameError
from edge_effnet.inspect import rules_graph, rules_scales, rules_types
from edge_effnet.inspect.declared import declared_interface
from edge_effnet.inspect.findings import INTERFACES, Audit, Finding, Interface, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_effnet.inspect.records import Model

__all__ = ["RULES", "Audit", "Finding", "audit"]

RULES: tuple[Callable[[View], Iterable[Finding]], ...] = (
    rules_graph.empty_graph,
    rules_graph.malformed_operator,
    rules_graph.execution_order,
    rules_graph.several_subgraphs,
    rules_graph.dynamic_shape,
    rules_graph.batch_size,
    rules_graph.shape_arithmetic,
    rules_graph.foreign_operator,
    rules_graph.conversion_operator,
    rules_graph.operator_version,
    rules_graph.softmax_output,
    rules_graph.unused_part,
    rules_types.interface_type,
    rules_types.float_tensor,
    rules_types.wide_activation,
    rules_types.foreign_type,
    rules_types.uint8_weights,
    rules_scales.missing_scale,
    rules_scales.invalid_scale,
    rules_scales.scale_count,
    rules_scales.zero_point_range,
    rules_scales.weight_zero_point,
    rules_scales.tiny_weight_scale,
    rules_scales.bias_form,
    rules_scales.bias_overflow,
    rules_scales.fixed_output_scale,
    rules_scales.carried_scale,
    rules_scales.per_tensor_convolution,
    rules_scales.per_channel_dense,
)
"""Every rule; its name is the ``rule`` of its findings."""

_ORDER = {"error": 0, "warning": 1, "info": 2}


def audit(model: Model, *, io: Interface = "auto") -> Audit:
    """Look for everything that keeps a model from being full integer.

    Args:
        model: What `read_model` gives.
        io: What its inputs and outputs are declared to be. ``auto`` takes what the contract inside the file
            says; without one it accepts int8 and uint8, so that a float32 interface has to be declared.

    Returns:
        The findings, errors first.

    Raises:
        UnknownNameError: ``io`` is none of the four.
    """
    if io not in INTERFACES:
        raise UnknownNameError("interface", io, INTERFACES)
    interface = declared_interface(model) if io == "auto" else io
    view = View(model, interface)
    findings = [replace(finding, rule=rule.__name__) for rule in RULES for finding in rule(view)]
    return Audit(tuple(sorted(findings, key=_place)), interface)


def _place(finding: Finding) -> tuple[int, int]:
    return _ORDER[finding.severity], -1 if finding.op_index is None else finding.op_index
