"""What of a network learns when, and the settings of a run."""

from __future__ import annotations

import pytest
from tiny_network import tiny_network

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.train.settings import Settings
from edge_effnet.train.unfreeze import (
    Unfreezing,
    default_unfreezing,
    learning_layers,
    stages_of,
    unfreezing_from_text,
)


@pytest.mark.parametrize(
    ("epochs", "head_only", "text"),
    [(16, False, "0:head,8:late"), (5, False, "0:head,3:late"), (1, False, "0:head"), (16, True, "0:head")],
)
def test_by_default_the_head_learns_first(epochs: int, head_only: bool, text: str):
    """In the first half of the epochs, and alone where there is only one or where it is asked for."""
    assert default_unfreezing(epochs, head_only=head_only).text == text


def test_a_table_says_what_learns_in_an_epoch():
    """From its own epoch on until the next row, whose spans cover the run."""
    table = unfreezing_from_text("0:head,3:block6,5:all")
    assert [table.at(epoch) for epoch in range(7)] == ["head"] * 3 + ["block6"] * 2 + ["all"] * 2
    assert [table.span(epoch, 7) for epoch in (0, 2, 3, 6)] == [(0, 3), (0, 3), (3, 5), (5, 7)]
    assert unfreezing_from_text(table.text) == table


@pytest.mark.parametrize(
    "text", ["", "head", "0", "x:head", "1:head", "0:head,0:all", "0:head,5:all,3:top", "0:all,2:head"]
)
def test_a_table_that_cannot_be_followed_is_refused(text: str):
    """It begins with epoch 0 and rises, and the head alone comes first."""
    with pytest.raises(UsageError):
        unfreezing_from_text(text)


def test_rows_after_the_last_epoch_are_left_out():
    """So that a short run needs no other table."""
    assert Settings(epochs=4, unfreeze="0:head,2:top,9:all").unfreezing == Unfreezing(
        ((0, "head"), (2, "top"))
    )


def test_a_part_is_all_from_it_to_the_end():
    """Stem, blocks, top, head, in this order; names of parts that are not there are refused with those that are."""
    layers = tiny_network().keras.layers
    assert stages_of(layers) == ["stem", "block1", "top", "head"]
    names = {
        part: [layer.name for layer in learning_layers(layers, "predictions", part)]
        for part in stages_of(layers)
    }
    assert names["head"] == ["predictions"]
    assert names["top"] == ["top_conv", "predictions"]
    assert names["block1"][:2] == ["block1a_project_conv", "block1a_project_bn"]
    assert names["stem"] == [layer.name for layer in learning_layers(layers, "predictions", "all")]
    assert learning_layers(layers, "predictions", "late") == learning_layers(layers, "predictions", "all")
    with pytest.raises(UnknownNameError, match="stem, block1, top, head"):
        learning_layers(layers, "predictions", "block9")


def test_late_is_from_the_fifth_stage_on(built_model):
    """Of a real network: the first four stages and the stem do not learn."""
    layers = built_model("lite0", 32).keras.layers
    late = {layer.name for layer in learning_layers(layers, "predictions", "late")}
    assert {name[:6] for name in late if name.startswith("block")} == {"block5", "block6", "block7"}
    assert {"top_conv", "predictions"} <= late


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"head_rate": -1.0}, {"dropout": 1.0}, {"ema": 1.0},
        {"label_smoothing": -0.1}, {"patience": 0}, {"seed": -1}, {"weight_decay": float("nan")},
        {"head_only": True, "unfreeze": "0:all"},
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(wrong: dict):
    """Before any picture is read."""
    with pytest.raises(UsageError):
        Settings(**wrong)


@pytest.mark.parametrize("wrong", [{"batch_norm": "thawed"}, {"class_weights": "automatic"}])
def test_a_choice_that_is_not_there_is_refused(wrong: dict):
    """With the choices."""
    with pytest.raises(UnknownNameError):
        Settings(**wrong)


def test_the_record_writes_tables_out():
    """What a word such as light means may change; what it meant in a run may not."""
    record = Settings().to_record()
    assert record["augment"] == "none,crop=0.5,flip=0.5"
    assert record["unfreeze"] == "0:head,6:late"
