"""`edge-effnet edgetpu compile`, with a program that stands in for the compiler and says and leaves whatever a test wants."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from build_model import clean
from compiled_models import compiled, executable, flex, package
from compiler_logs import TABLE, block, success

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

FAKE = Path(__file__).with_name("fake_compiler.py")


class Fake:
    """A compiler in a folder, and a model to compile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "m.tflite"
        self.model.write_bytes(clean().pack())
        self.out = folder / "out"
        self.program = folder / "bin" / "edgetpu_compiler"
        self.program.parent.mkdir()
        self.program.write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
        self.program.chmod(0o755)
        self.good = folder / "good.tflite"
        self.good.write_bytes(compiled([flex(package([executable(2, 16), executable(1, 48)]))]))

    def plan(self, **plan: Any) -> None:
        """Say what the compiler does."""
        (self.program.parent / "plan.json").write_text(json.dumps(plan))

    def succeeds(self, **plan: Any) -> None:
        """Let it do everything right, but for what is given."""
        self.plan(**{"stdout": success(), "files": {"m_edgetpu.tflite": str(self.good)}, **plan})

    def compile(self, *words: str) -> int:
        """Run the verb."""
        return run(["edgetpu", "compile", str(self.model), "-o", str(self.out), *words])

    def asked(self) -> list[str]:
        """Return the arguments that it got."""
        found: list[str] = json.loads((self.program.parent / "asked.json").read_text())
        return found


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """The compiler that `EDGETPU_COMPILER` names."""
    made = Fake(tmp_path)
    monkeypatch.setenv("EDGETPU_COMPILER", str(made.program))
    return made


def test_a_compiled_model_has_its_record(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    """Path, log, container and agreement, by the schema; file and log lie in the folder."""
    fake.succeeds(stderr="INFO: Initialized TensorFlow Lite runtime.\n")
    assert fake.compile("--json") == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("edgetpu-compile"))
    assert record["path"] == str(fake.out / "m_edgetpu.tflite")
    assert Path(record["path"]).read_bytes() == fake.good.read_bytes()
    assert "Compilation succeeded" in (fake.out / "m_edgetpu.log").read_text()
    assert record["log"]["version"] == "16.0.384591198"
    assert (record["container"]["cached_params"], record["container"]["streamed_params"]) == (48, 16)
    rows = {row["what"]: row for row in record["agreement"]["rows"]}
    assert record["agreement"]["consistent"]
    assert (
        rows["cached_bytes"]["log"],
        rows["cached_bytes"]["container"],
        rows["cached_bytes"]["log_agrees"],
    ) == (48, 48, True)
    assert rows["mapped_ops"]["predicted"] == rows["mapped_ops"]["log"] == 7
    assert rows["activation_bytes"]["container"] == 1600
    assert record["prediction"]["label"] == "predicted"


def test_the_compiler_gets_an_argument_list(fake: Fake) -> None:
    """Its options, and the model by its whole path."""
    fake.succeeds()
    words = [
        "--timeout",
        "60",
        "--min-runtime",
        "13",
        "--search-delegate",
        "--all-subgraphs",
        "--cut",
        "a b",
        "--cut",
        "c",
    ]
    assert fake.compile(*words) == 0
    asked = fake.asked()
    assert asked[0] == "--out_dir"
    assert asked[2:] == [
        "--show_operations", "--timeout_sec", "60", "--min_runtime_version", "13", "--search_delegate", "-a",
        "--intermediate_tensors", "a b,c", str(fake.model),
    ]  # fmt: skip


def test_without_options_the_compiler_gets_only_what_every_version_knows(fake: Fake) -> None:
    """Where to write, and to list the operators."""
    fake.succeeds()
    assert fake.compile() == 0
    assert fake.asked()[2:] == ["--show_operations", str(fake.model)]


def test_the_table_names_what_stays_on_the_cpu(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    """As text: three sources side by side, the version, the next command."""
    fake.succeeds(tables={"m_edgetpu.log": f"Input: m.tflite\nOutput: m_edgetpu.tflite\n{TABLE}"})
    assert fake.compile() == 0
    out = capsys.readouterr().out
    assert re.search(r"cached_bytes .* 48 .* 48", out)
    assert "compiler 16.0.384591198, 312 ms" in out
    assert "needs Edge TPU runtime 14; on the CPU: nothing" in out
    assert "next: edge-effnet bench" in out


def test_log_and_file_that_differ_are_shown(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that speaks of other figures than the file holds is no failure, and not silent."""
    fake.succeeds(stdout=success(cached="2.00KiB"))
    assert fake.compile("--json") == 0
    assert json.loads(capsys.readouterr().out)["agreement"]["consistent"] is False
    assert fake.compile("--force") == 0
    assert "log and file do not say the same" in capsys.readouterr().out


def test_rounding_of_the_log_is_no_difference(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that rounds to 0.01 KiB cannot say 48 bytes."""
    fake.succeeds(stdout=success(cached="0.05KiB"))
    assert fake.compile("--json") == 0
    assert json.loads(capsys.readouterr().out)["agreement"]["consistent"] is True


def test_models_compiled_together_share_a_record(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    """One call, two files, one log; the second has what the first leaves of the cache."""
    second = fake.folder / "n.tflite"
    second.write_bytes(fake.model.read_bytes())
    log = (
        "Edge TPU Compiler version 16.0.1\nModels compiled successfully in 9 ms.\n"
        + block("m", "48.00B", "16.00B", 7)
        + block("n", "48.00B", "16.00B", 7)
        + "Compilation succeeded!\n"
    )
    files = {"m_edgetpu.tflite": str(fake.good), "n_edgetpu.tflite": str(fake.good)}
    fake.plan(stdout=log, files=files)
    assert fake.compile(str(second), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert [Path(model["path"]).name for model in record["models"]] == list(files)
    budgets = [model["prediction"]["memory"]["cache_budget_bytes"] for model in record["models"]]
    assert budgets[1] == budgets[0] - record["prediction"]["memory"]["cached_bytes"]


def _sections(shared: Path) -> list[str]:
    text = (shared / "facts/edgetpu_compiler_v16_logs.txt").read_text(encoding="utf-8")
    return [part.strip() for part in re.split(r"^(?:#.*|---)$", text, flags=re.MULTILINE) if part.strip()]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("large activation tensors", "activations do not fit"),
        ("Internal compiler error", "crashed"),
        ("builtin opcode", "younger than the compiler"),
        ("Model not quantized", "float"),
        ("static-sized", "open size"),
    ],
)
@pytest.mark.parametrize("returncode", [1, 0])
def test_every_failure_of_the_sheet_is_explained(
    words: str, cause: str, returncode: int, fake: Fake, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replayed; exit 5 with cause and fix, whatever the return code; nothing is left."""
    (text,) = (section for section in _sections(shared) if words in section)
    fake.plan(stdout="Edge TPU Compiler version 16.0.1\n", stderr=text, returncode=returncode)
    assert fake.compile() == 5
    err = capsys.readouterr().err
    assert cause in err
    assert "fix: " in err
    assert not list(fake.out.iterdir())


def test_the_success_of_the_sheet_is_replayed(
    fake: Fake, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole summary, with the table in its file and the partly mapped model that it speaks of."""
    summary, table = _sections(shared)[:2]
    model = fake.folder / "yolov5s-int8.tflite"
    fake.model = fake.model.rename(model)
    real = shared / "data/edgetpu/deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite"
    fake.plan(
        stdout=summary, files={"yolov5s-int8_edgetpu.tflite": str(real)}, tables={"x_edgetpu.log": table}
    )
    assert fake.compile("--json") == 0
    record = json.loads(capsys.readouterr().out)
    rows = {row["what"]: row for row in record["agreement"]["rows"]}
    assert (rows["mapped_ops"]["log"], rows["cpu_ops"]["log"], rows["cpu_ops"]["container"]) == (222, 7, 8)
    assert record["container"]["cpu_op_names"][0] == "RESIZE_BILINEAR"


def test_real_containers_agree_with_the_prediction(
    fake: Fake, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real models and what the real compiler made of them: parameters exact, every operator mapped."""
    with (shared / "data/edgetpu/expected.csv").open(encoding="utf-8") as stream:
        expected = {row["file"]: row for row in csv.DictReader(stream)}
    for name in ("mobilenet_v1_0.25_128_quant", "mobilenet_v1_0.75_192_quant"):
        fake.model = shared / f"data/edgetpu/{name}.tflite"
        row = expected[f"{name}_edgetpu.tflite"]
        text = success(name, cached=f"{row['cached_params']}.00B", streamed="0.00B", operations=31)
        fake.plan(stdout=text, files={row["file"]: str(shared / "data/edgetpu" / row["file"])})
        assert fake.compile("--json") == 0
        record = json.loads(capsys.readouterr().out)
        rows = {one["what"]: one for one in record["agreement"]["rows"]}
        assert record["agreement"]["consistent"]
        assert rows["parameter_bytes"]["prediction_error_percent"] == 0
        assert rows["mapped_ops"]["predicted"] == rows["mapped_ops"]["log"] == 31
        assert abs(rows["activation_bytes"]["prediction_error_percent"]) < 23
        assert record["container"]["instr_run"] == int(row["instr_run"])


def test_without_the_compiler_there_is_the_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3, what to install, and all that is known without it."""
    monkeypatch.delenv("EDGETPU_COMPILER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    model = tmp_path / "m.tflite"
    model.write_bytes(clean().pack())
    assert run(["edgetpu", "compile", str(model), "-o", str(tmp_path / "o"), "--json"]) == 3
    out, err = capsys.readouterr()
    record = json.loads(out)
    jsonschema.validate(record, read_schema("edgetpu-compile"))
    assert record["log"] is record["container"] is record["path"] is None
    assert record["prediction"]["mapped_ops"] == 7
    assert "install edgetpu_compiler 16 (x86-64 Linux only)" in err
    assert not (tmp_path / "o").exists()
    assert run(["edgetpu", "compile", str(model)]) == 3
    assert "compiles (predicted): yes" in capsys.readouterr().out


def test_the_option_beats_the_variable_and_the_variable_the_path(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is taken where the one before is absent; one that names nothing is not replaced in silence."""
    fake.succeeds()
    monkeypatch.setenv("EDGETPU_COMPILER", "/no/such/compiler")
    assert fake.compile() == 3
    assert "EDGETPU_COMPILER=/no/such/compiler" in capsys.readouterr().err
    assert fake.compile("--compiler", str(fake.program)) == 0
    assert fake.compile("--compiler", str(fake.folder / "nothing"), "--force") == 2
    monkeypatch.delenv("EDGETPU_COMPILER")
    monkeypatch.setenv("PATH", f"{fake.program.parent}")
    assert fake.compile("--force") == 0


@pytest.mark.parametrize(
    ("plan", "code", "says"),
    [
        ({"stdout": "Segmentation fault (core dumped)\n", "returncode": 139}, 5, "crashed"),
        ({"stdout": "", "returncode": 1}, 5, "exit status 1"),
        ({"files": {}}, 5, "left no file"),
        ({"stdout": "nonsense\n"}, 4, "nothing in it"),
        ({"stdout": success(cached="many")}, 4, "a size such as"),
        ({"stdout": success("other")}, 4, "other models"),
        (
            {"stdout": success().replace("Compilation succeeded!", "Compilation failed!")},
            5,
            "Compilation failed!",
        ),
    ],
)
def test_what_goes_wrong_has_its_exit_code(
    plan: dict[str, Any], code: int, says: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failing compiler is 5, one that cannot be understood 4; nothing is left in the folder."""
    fake.succeeds(**plan)
    assert fake.compile() == code
    assert says in capsys.readouterr().err
    assert not list(fake.out.iterdir())


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"not a model at all", 4, "not a TFLite model"),
        (compiled([b"\x01\x02\x03"]), 4, "damaged Edge TPU container"),
        (clean().pack(), 5, "mapped not one operator"),
    ],
)
def test_a_file_that_is_no_container_is_refused(
    content: bytes, code: int, says: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file itself is looked at, not only the words."""
    fake.good.write_bytes(content)
    fake.succeeds()
    assert fake.compile() == code
    assert says in capsys.readouterr().err
    assert not list(fake.out.iterdir())


def test_a_hanging_compiler_is_ended(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own limit first, ours a little later."""
    monkeypatch.setattr("edge_effnet.edgetpu.compiler._GRACE_S", -0.5)
    fake.succeeds(seconds=30)
    assert fake.compile("--timeout", "1") == 5
    assert "did not end within 1 s" in capsys.readouterr().err


def test_outputs_are_not_overwritten(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    """Not without --force, and it says so before the compiler runs."""
    fake.succeeds()
    assert fake.compile() == 0
    (fake.program.parent / "asked.json").unlink()
    assert fake.compile() == 2
    assert not (fake.program.parent / "asked.json").exists()
    assert "--force" in capsys.readouterr().err
    assert fake.compile("--force") == 0


def test_bad_input_is_refused(fake: Fake, shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two models of one name, a file that is compiled already, one that is not there, a folder that is a file."""
    fake.succeeds()
    other = fake.folder / "other"
    other.mkdir()
    (other / "m.tflite").write_bytes(fake.model.read_bytes())
    assert fake.compile(str(other / "m.tflite")) == 2
    assert "one file" in capsys.readouterr().err
    done = shared / "data/edgetpu/split_concat_edgetpu.tflite"
    assert run(["edgetpu", "compile", str(done), "-o", str(fake.out)]) == 4
    assert "compiled for the Edge TPU already" in capsys.readouterr().err
    assert run(["edgetpu", "compile", str(fake.folder / "no.tflite"), "-o", str(fake.out)]) == 4
    assert run(["edgetpu", "compile", str(fake.model), "-o", str(fake.model)]) == 2
    assert run(["edgetpu", "compile", str(fake.model), "--min-runtime", "9"]) == 2
