"""The configuration of a run: YAML in and out, every key known, every mistake told with its line.

Precedence: the command line (`--set` and the options of `edge-effnet run`), then the environment (`EDGE_EFFNET_…`, where an option
names one), then the file, then the defaults of `edge_effnet.config.schema`.
"""

from __future__ import annotations

from edge_effnet.config.read import read_config
from edge_effnet.config.schema import STAGES, Model, RunConfig, config_schema, dump_config
from edge_effnet.config.source import load_yaml

__all__ = ["STAGES", "Model", "RunConfig", "config_schema", "dump_config", "load_yaml", "read_config"]
