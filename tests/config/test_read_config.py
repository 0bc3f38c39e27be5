"""A configuration is read whole, every mistake is told with its line, and nothing hostile gets through."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.config import STAGES, config_schema, dump_config, read_config
from edge_effnet.errors import DataError, EdgeEffnetError, UnknownNameError, UsageError
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.config import RunConfig

    Write = Callable[..., RunConfig]

WHOLE = """\
models:
  - b0
  - {id: lite0, weights: w/lite0.npz, name: lite0-mine, resolution: 192}
precisions: [w8a8, float32]
recipes: [ptq, minmax]
calibration: {data: photos, samples: 50}
data: {path: test, labels: test.csv, limit: 100}
engines: [xnnpack, reference]
targets: [local, "python:env/bin/python"]
threads: [1, 4]
bench: {min_seconds: 1, cpus: 0-1}
fail_if: ["top1_drop>0.5"]
stages: [report, eval, convert]
output: out
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes a configuration and reads it."""

    def read(text: str | bytes, *overrides: str) -> RunConfig:
        path = tmp_path / "run.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_config(path, overrides)

    return read


def test_a_configuration_is_resolved_against_its_own_folder(write: Write, tmp_path: Path) -> None:
    """Promise: paths do not depend on where the command is typed; names and set ids stay as they are."""
    config = write(WHOLE)
    assert [(model.name, model.weights) for model in config.models] == [
        ("b0", "imagenet"),
        ("lite0-mine", str(tmp_path / "w/lite0.npz")),
    ]
    assert config.calibration.data == str(tmp_path / "photos")
    assert config.data is not None
    assert (config.data.path, config.data.labels) == (str(tmp_path / "test"), str(tmp_path / "test.csv"))
    assert config.targets == ["local", f"python:{tmp_path}/env/bin/python"]
    assert config.output == str(tmp_path / "out")
    assert config.stages == ["convert", "eval", "report"]
    assert config.bench.min_runs is None


def test_what_is_left_open_is_filled_in(write: Write, tmp_path: Path) -> None:
    """Promise: one line is a configuration; accuracy is left out where there are no labelled pictures."""
    config = write("models: [b0]")
    assert config.stages == [stage for stage in STAGES if stage != "eval"]
    assert config.calibration.data == "synthetic-v1"
    assert config.output == str(tmp_path / "runs/run")


def test_the_resolved_configuration_reads_back_as_itself(write: Write, tmp_path: Path) -> None:
    """Promise: what lies in the run folder runs the same again."""
    config = write(WHOLE)
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere/config.yaml"
    copy.write_text(dump_config(config))
    assert read_config(copy) == config


def test_an_override_wins_over_the_file(write: Write) -> None:
    """Promise: the command line comes before the file, key by key."""
    config = write(WHOLE, "bench.min_seconds=0.5", "targets=[local]", "verify.limit=3", "data.limit=")
    assert (config.bench.min_seconds, config.bench.cpus) == (0.5, "0-1")
    assert config.targets == ["local"]
    assert config.verify.limit == 3
    assert config.data is not None
    assert config.data.limit is None


def _refusal(write: Write, text: str | bytes, *overrides: str) -> str:
    with pytest.raises(UsageError) as caught:
        write(text, *overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models: [b0]\nbnech: {}\n", ["unknown key", "line 2 (bnech)", "did you mean 'bench'?"]),
        (
            "models: [b0]\nbench:\n  min_second: 1\n",
            ["line 3 (bench.min_second)", "did you mean 'min_seconds'?"],
        ),
        ("models:\n  - b0\n  - id: b1\n    wieghts: x\n", ["line 4", "did you mean 'weights'?"]),
        ("models:\n  - b0\n  - b9\n", ["unknown model", "line 3", "did you mean 'b0'?"]),
        ("models: [b0]\nrecipes:\n - ptk\n", ["unknown recipe", "line 3", "did you mean 'ptq'?"]),
        ("models: [b0]\nprecisions: [int8]\n", ["unknown precision", "w8a8"]),
        ("models: [b0]\nengines: [xnpack]\n", ["unknown engine", "line 2", "did you mean 'xnnpack'?"]),
        ("models: [b0]\ntargets: [locale]\n", ["unknown target", "did you mean 'local'?"]),
        ("models: [b0]\nfail_if: ['top2_drop>1']\n", ["unknown figure of a gate", "line 2", "top1_drop"]),
        ("models: [b0]\nfail_if: ['top1_drop']\n", ["the gate cannot be read", "line 2"]),
        (
            "models: [b0]\nstages: [convert, bnech]\n",
            ["the configuration is wrong", "line 2 (stages.1)", "'bench'"],
        ),
        ("models: [b0]\nio: int16\n", ["unknown io", "uint8"]),
        ("models: []\n", ["at least 1 item", "line 1 (models)"]),
        ("seed: 1\n", ["field required", "(models)"]),
        ("models: [b0]\nseed: -1\n", ["greater than or equal to 0", "line 2 (seed): -1"]),
        ("models: [b0]\nseed: yes\n", ["valid integer", "(seed): True"]),
        ("models: [b0]\nbench: {min_seconds: .inf}\n", ["finite number"]),
        ("models: [b0]\ntimeout_s: .nan\n", ["finite number"]),
        ("models: [b0]\nthreads: [0]\n", ["line 2 (threads.0): 0"]),
        ("models: [b0]\ndata: test\n", ["line 2 (data): test"]),
        ("models: [{id: b0, name: ../x}]\n", ["pattern", "../x"]),
        ("models: [b0, b0]\n", ["b0 is there twice", "name: of its own"]),
        ("models: [b0]\ntargets: [local, local]\n", ["local is there twice", "leave one out"]),
        ("models: [b0]\nrecipes: [qat]\n", ["nothing to train on", "qat: {data: FOLDER}"]),
        ("models: [b0]\nstages: [eval]\n", ["no labelled pictures", "data: {path: FOLDER}"]),
    ],
)
def test_a_mistake_is_told_with_its_line_and_its_fix(write: Write, text: str, words: list[str]) -> None:
    """Promise: nobody has to guess what was wrong, and where."""
    refusal = _refusal(write, text)
    for word in words:
        assert word in refusal


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no table of keys"),
        ("- b0\n", "no table of keys"),
        ("42", "no table of keys"),
        ("models: [b0\n", "line 2"),
        ("models: [b0]\n\tseed: 1\n", "line 2"),
        ("models: [b0]\nmodels: [b1]\n", "the key models is there twice"),
        ("models: &a [b0]\nrecipes: *a\n", "aliases are not allowed"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "aliases are not allowed"),
        ("models: !!python/object/apply:os.system [ls]\n", "not YAML"),
        ("? [a, b]\n: 1\n", "a key is one word"),
        ("1: 2\n", "no table of keys"),
        ("models: [b0]\n---\nmodels: [b1]\n", "not YAML"),
        ("[" * 5000, "nested too deeply"),
        (b"models: [b0]\nio: \xff\n", "not UTF-8"),
        (b"models: [b0]\0\n", "not YAML"),
        ("models: [b0]\n" + "# padding\n" * 200_000, "too large"),
        ("models: [b0]\nseed: 2026-99-99\n", "not YAML"),
    ],
)
def test_what_is_no_configuration_is_refused(write: Write, text: str | bytes, word: str) -> None:
    """Promise: a hostile or broken file is a usage error, never a crash and never a hang."""
    assert word in _refusal(write, text)


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("bench", "--set needs KEY=VALUE"),
        ("=1", "--set needs KEY=VALUE"),
        ("bench.min_seconds=[", "not YAML"),
        ("models.id=b0", "no keys"),
        ("bench.min_seconds=fast", "got: --set bench.min_seconds: fast"),
        ("bnech.min_seconds=1", "did you mean 'bench'?"),
        ("models=[b00]", "unknown model at --set models"),
    ],
)
def test_a_mistake_on_the_command_line_is_not_blamed_on_the_file(
    write: Write, override: str, word: str
) -> None:
    """Promise: the place that is named is the place to mend."""
    assert word in _refusal(write, "models: [b0]\nbench: {min_runs: 3}\n", override)


def test_a_file_that_is_not_there_is_a_data_error(tmp_path: Path) -> None:
    """Promise: exit code 4, with the path."""
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_config(tmp_path / "none.yaml")
    with pytest.raises(DataError, match="Is a directory"):
        read_config(tmp_path)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["models", "id", "bench", "data", "path", "stages", "qat", "x"]), inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_any_yaml_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    """Promise: no content ends in anything but a configuration or one of our own errors."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(EdgeEffnetError):
        assert read_config(path).models


def test_the_published_schema_is_that_of_the_code(pytestconfig: pytest.Config, write: Write) -> None:
    """Promise: an editor that checks by `edge_effnet/schemas/config.json` judges as the command does."""
    path = Path(__file__).parents[2] / "edge_effnet/schemas/config.json"
    if pytestconfig.getoption("--update-golden"):
        import json

        path.write_text(json.dumps(config_schema(), indent=1) + "\n")
    schema, now = read_schema("config"), config_schema()
    keys = {name: part["properties"].keys() for name, part in now["$defs"].items()}
    assert {name: part["properties"].keys() for name, part in schema["$defs"].items()} == keys
    assert (schema["properties"].keys(), schema["required"]) == (now["properties"].keys(), now["required"])
    jsonschema.validate(yaml.safe_load(WHOLE), schema)
    jsonschema.validate(yaml.safe_load(dump_config(write(WHOLE))), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"models": ["b0"], "bnech": {}}, schema)


def test_an_unknown_name_is_an_unknown_name_error(write: Write) -> None:
    """Promise: library users can tell a mistyped name from a wrong type."""
    with pytest.raises(UnknownNameError):
        write("models: [b00]")
