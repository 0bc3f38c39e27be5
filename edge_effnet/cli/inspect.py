"""`edge-effnet inspect`: is this .tflite integers from end to end, and what does it cost?"""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path  # noqa: TC003  # typer reads the annotation at run time
from typing import TYPE_CHECKING

import typer

from edge_effnet.cli.console import print_json, print_lines, print_table, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.inspect.container import Container
    from edge_effnet.inspect.cost import Cost, Layer
    from edge_effnet.inspect.findings import Audit, Finding
    from edge_effnet.inspect.records import Tensor
    from edge_effnet.inspect.summary import Inspection

__all__ = ["inspect"]

_LARGEST_LAYERS = 10
_SHOWN_PER_RULE = 3
_INTERFACE = ("side", "name", "type", "shape", "scale", "zero point")
_CENSUS = ("operator", "count", "MACs", "in int8 %", "bytes")
_PACKAGES = (
    "package",
    "least runtime",
    "cached",
    "streamed",
    "instructions",
    "activations per tile",
    "scratch",
    "CPU operators",
)
_LAYERS = ("index", "operator", "output", "shape", "MACs", "bytes")


def inspect(
    model: Path = typer.Argument(..., metavar="MODEL", help="A .tflite file."),
    io: str = typer.Option(
        "auto",
        "--io",
        help="Declared type of inputs and outputs: auto (as the file says, else int8 or uint8), int8, uint8, float32.",
    ),
    layers: int = typer.Option(
        None, "--layers", min=0, help="How many layers to list, largest first (table: 10, JSON: all)."
    ),
    no_gate: bool = typer.Option(False, "--no-gate", help="Exit 0 although the model is not full integer."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Audit a .tflite file: number types, scales, operators, size and work by layer. Exit 6 when it is not full integer."""
    from edge_effnet.inspect.summary import inspect_file

    found = inspect_file(model, io=io)  # type: ignore[arg-type]  # an unknown name is refused there, with the list
    if as_json:
        print_json(found.as_json(layers=layers))
    else:
        _print_tables(found, _LARGEST_LAYERS if layers is None else layers)
    if not no_gate:
        found.require_full_integer()


def _print_tables(found: Inspection, layers: int) -> None:
    from edge_effnet.inspect.summary import largest_layers

    graph, cost = found.model.main, found.cost
    sides = [("input", tensor) for tensor in graph.input_tensors] + [
        ("output", tensor) for tensor in graph.output_tensors
    ]
    print_table(
        printable(found.path.name),
        _INTERFACE,
        [_interface_row(side, tensor) for side, tensor in sides],
        left=4,
    )
    print_table("Operators", _CENSUS, list(_census_rows(cost)))
    if layers:
        rows = [_layer_row(layer) for layer in largest_layers(cost, layers)]
        print_table(f"Largest {len(rows)} of {len(cost.layers)} layers", _LAYERS, rows, left=4)
    if found.container is not None:
        print_table(
            "Compiled for the Edge TPU",
            _PACKAGES,
            [_package_row(number, found.container) for number in range(len(found.container.packages))],
            left=0,
        )
    print_lines(*_finding_lines(found.audit), *_verdict_lines(found))


def _interface_row(side: str, tensor: Tensor) -> list[str]:
    scale = "-" if tensor.scale is None else f"{tensor.scale:.8g}"
    zero_point = "-" if tensor.zero_point is None else str(tensor.zero_point)
    return [
        side,
        printable(tensor.name),
        tensor.type.lower(),
        _shape(tensor.shape_signature or tensor.shape),
        scale,
        zero_point,
    ]


def _layer_row(layer: Layer) -> list[str]:
    return [
        str(layer.op_index),
        printable(layer.op),
        printable(layer.name),
        _shape(layer.shape),
        f"{layer.macs:,}" if layer.macs else "-",
        f"{layer.size_bytes:,}",
    ]


def _package_row(number: int, container: Container) -> list[str]:
    keys = (
        "pkg",
        "min_rt",
        "cached_params",
        "streamed_params",
        "instr_run",
        "narrow_per_tile",
        "scratch",
        "cpu_ops",
    )
    columns = container.columns(number)
    return [f"{columns[key]:,}" for key in keys]


def _census_rows(cost: Cost) -> Iterator[list[str]]:
    work = cost.macs_by_operator()
    sizes: Counter[str] = Counter()
    for layer in cost.layers:
        sizes[layer.op] += layer.size_bytes
    for name, count in cost.operators.items():
        total, int8 = work.get(name, (0, 0))
        yield [
            printable(name),
            str(count),
            f"{total:,}" if total else "-",
            _percent(int8, total),
            f"{sizes[name]:,}",
        ]
    yield ["(names, shapes, metadata)", "", "", "", f"{cost.other_bytes:,}"]
    yield [
        "total",
        str(len(cost.layers)),
        f"{cost.macs:,}",
        _percent(cost.int8_macs, cost.macs),
        f"{cost.size_bytes:,}",
    ]


def _finding_lines(audit: Audit) -> Iterator[str]:
    totals = Counter(finding.rule for finding in audit.findings)
    shown: Counter[str] = Counter()
    for finding in audit.findings:
        shown[finding.rule] += 1
        if shown[finding.rule] <= _SHOWN_PER_RULE:
            yield f"{finding.severity:<7}  {_place(finding)}: {printable(finding.reason, 200)}"
        if shown[finding.rule] == min(totals[finding.rule], _SHOWN_PER_RULE):
            hidden = totals[finding.rule] - shown[finding.rule]
            yield from [f"         … and {hidden} more of this kind (all in --json)"] * bool(hidden)
            yield f"         fix: {finding.fix}"


def _place(finding: Finding) -> str:
    operator = "model" if finding.op_index is None else f"operator {finding.op_index} {printable(finding.op)}"
    return f"{operator}, {printable(finding.tensor)}" if finding.tensor else operator


def _verdict_lines(found: Inspection) -> Iterator[str]:
    audit, cost = found.audit, found.cost
    errors, warnings, notes = (audit.count(severity) for severity in ("error", "warning", "info"))
    yield f"full integer: {'yes' if audit.full_integer else 'NO'} (errors {errors}, warnings {warnings}, notes {notes})"
    uncounted = f"; {cost.uncounted} custom operators not counted" if cost.uncounted else ""
    share = _percent(cost.int8_macs, cost.macs)
    yield f"{cost.size_bytes:,} bytes, {cost.macs:,} MACs, {share} % of them in int8{uncounted}"
    yield f"{printable(str(found.path), 4096)}  sha256 {found.sha256}"
    name = shlex.quote(str(found.path))
    if found.container is not None:
        yield f"next: edge-effnet bench {name} --engine edgetpu"
    elif audit.full_integer:
        yield f"next: edge-effnet eval {name} --data DIR"
        yield f"      edge-effnet verify FLOAT {name} --data DIR"
    else:
        yield "next: edge-effnet convert --model b0 --int8"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
