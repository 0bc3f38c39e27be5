"""Logs in the wordings of the compiler's versions, with figures of our own."""

from __future__ import annotations

TABLE = """
Operator                       Count      Status

CONV_2D                        1          Mapped to Edge TPU
DEPTHWISE_CONV_2D              1          Mapped to Edge TPU
LOGISTIC                       1          Mapped to Edge TPU
MUL                            1          Mapped to Edge TPU
MEAN                           1          Mapped to Edge TPU
RESHAPE                        1          Mapped to Edge TPU
FULLY_CONNECTED                1          Mapped to Edge TPU
"""


def success(
    name: str = "m",
    version: int = 16,
    *,
    cached: str = "48.00B",
    streamed: str = "16.00B",
    operations: int = 7,
    cpu: int = 0,
    table: str = "",
) -> str:
    """Return the log of a compiler of that version about one model that it compiled."""
    newer = version >= 16
    memory = "remaining" if newer else "available"
    parts = [
        f"Edge TPU Compiler version {version}.0.384591198",
        *(["Started a compilation timeout timer of 180 seconds."] if newer else []),
        "\nModel compiled successfully in 312 ms.\n",
        block(name, cached, streamed, operations, memory),
    ]
    if cpu:
        parts += [
            "\nModel successfully compiled but not all operations are supported by the Edge TPU. A part runs on the CPU.",
            f"Number of operations that will run on Edge TPU: {operations - cpu}",
            f"Number of operations that will run on CPU: {cpu}",
        ]
    parts.append(table or "See the operation log file for individual operation details.")
    if newer:
        parts += ["Compilation child process completed within timeout period.", "Compilation succeeded! "]
    return "\n".join(parts) + "\n"


def block(name: str, cached: str, streamed: str, operations: int, memory: str = "remaining") -> str:
    """Return the part of a log about one model."""
    return f"""Input model: /somewhere/{name}.tflite
Input size: 3.10KiB
Output model: out/{name}_edgetpu.tflite
Output size: 4.20KiB
On-chip memory used for caching model parameters: {cached}
On-chip memory {memory} for caching model parameters: 7.50MiB
Off-chip memory used for streaming uncached model parameters: {streamed}
Number of Edge TPU subgraphs: 1
Total number of operations: {operations}
Operation log: out/{name}_edgetpu.log
"""
