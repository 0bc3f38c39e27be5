"""Which operators of a file an event of the profiler stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from build_model import clean
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.bench.operators import PARTS, moved_bytes, rows_from_events
from edge_effnet.bench.profile_join import Event, join_events
from edge_effnet.inspect import read_model_bytes

if TYPE_CHECKING:
    from edge_effnet.inspect import Model

KERNELS = [
    "Convolution (NHWC, QC8) IGEMM",
    "Invalid Unary Op",
    "Convolution (NHWC, QC8) DWConv",
    "Mean (ND) Reduce",
    "Static Reshape (NC)",
    "Fully Connected (NC, QS8) GEMM",
]
"""What XNNPACK makes of the clean network: seven operators, six kernels."""


@pytest.fixture(scope="module")
def model() -> Model:
    """Input -> conv -> swish -> depthwise -> mean -> reshape -> dense."""
    return read_model_bytes(clean().pack())


def _delegated(tags: list[str]) -> list[Event]:
    return [Event(8, place, tag) for place, tag in enumerate(tags)]


def test_a_swish_that_became_one_table_is_one_row_of_two_operators(model: Model) -> None:
    """LOGISTIC and MUL, merged by XNNPACK; everything else is one to one."""
    rows = join_events(model.main, _delegated(KERNELS))
    assert [[operator.name for operator in row.operators] for row in rows] == [
        ["CONV_2D"],
        ["LOGISTIC", "MUL"],
        ["DEPTHWISE_CONV_2D"],
        ["MEAN"],
        ["RESHAPE"],
        ["FULLY_CONNECTED"],
    ]
    assert all(row.reason is None for row in rows)


def test_the_interpreters_events_are_joined_by_their_place(model: Model) -> None:
    """Which they say themselves."""
    events = [Event(2, operator.index, operator.name) for operator in model.main.operators]
    rows = join_events(model.main, events)
    assert [row.operators[0].index for row in rows] == list(range(7))


def test_an_interpreters_event_of_another_name_is_not_believed(model: Model) -> None:
    """A place alone is no proof: the row stays, with its reason, and so does the operator."""
    events = [Event(2, operator.index, operator.name) for operator in model.main.operators]
    events[3] = Event(2, 3, "SOFTMAX")
    rows = join_events(model.main, events)
    strange = [row for row in rows if row.reason]
    assert rows[3:5] == tuple(strange)
    assert [(row.event, [operator.index for operator in row.operators]) for row in strange] == [
        (None, [3]),
        (3, []),
    ]


def test_operators_of_the_interpreter_may_stand_between_parts_of_the_delegate(model: Model) -> None:
    """XNNPACK counts from zero in each part of the graph that it took."""
    events = [
        *_delegated(KERNELS[:3]),
        Event(2, 4, "MEAN"),
        *_delegated(KERNELS[4:]),
    ]
    rows = join_events(model.main, events)
    assert [row.event for row in rows] == list(range(6))
    assert [operator.index for row in rows for operator in row.operators] == list(range(7))
    assert all(row.reason is None for row in rows)


def test_a_kernel_that_the_runtime_adds_names_the_operator_that_it_serves(model: Model) -> None:
    """It is a row of its own, never dropped."""
    rows = join_events(model.main, _delegated([*KERNELS[:4], "Copy (NC)", *KERNELS[4:]]))
    added = [row for row in rows if row.reason]
    assert len(added) == 1
    assert added[0].operators == ()
    assert "added by XNNPACK for operator" in str(added[0].reason)


def test_an_operator_without_an_event_stays_in_its_place(model: Model) -> None:
    """A reshape that is no work."""
    rows = join_events(model.main, _delegated([*KERNELS[:4], KERNELS[5]]))
    assert [operator.index for row in rows for operator in row.operators] == list(range(7))
    (silent,) = (row for row in rows if row.event is None)
    assert silent.operators[0].name == "RESHAPE"
    assert silent.reason


def test_a_dense_kernel_is_no_convolution_of_three_by_three(model: Model) -> None:
    """The kind is checked, not only the order."""
    tags = ["Fully Connected (NC, QS8) GEMM", *KERNELS[1:]]
    rows = join_events(model.main, _delegated(tags))
    convolution = next(row for row in rows if row.operators and row.operators[0].name == "CONV_2D")
    assert convolution.event is None
    assert convolution.reason


def test_a_kernel_of_an_unknown_name_is_joined_by_its_place(model: Model) -> None:
    """A later XNNPACK may call its kernels otherwise; the row says what it was joined by."""
    rows = join_events(model.main, _delegated([*KERNELS[:3], "Fancy Pooling (NHWC)", *KERNELS[4:]]))
    assert [operator.name for operator in rows[3].operators] == ["MEAN"]
    assert "by its place" in str(rows[3].reason)
    assert all(row.reason is None for row in (*rows[:3], *rows[4:]))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([2, 8]),
            st.integers(0, 9),
            st.sampled_from([*KERNELS, "MEAN", "CONV_2D", "?", "", "Add (ND)", "Copy"]),
        ),
        max_size=20,
    )
)
def test_every_event_and_every_operator_is_in_exactly_one_row(events: list[tuple[int, int, str]]) -> None:
    """Whatever the profiler says, nothing is lost, nothing counts twice, and the order is that of the events."""
    model = read_model_bytes(clean().pack())
    given_events = [Event(*event) for event in events]
    rows = join_events(model.main, given_events)
    assert [row.event for row in rows if row.event is not None] == list(range(len(given_events)))
    assert sorted(operator.index for row in rows for operator in row.operators) == list(range(7))
    assert all(row.reason for row in rows if row.event is None or not row.operators)


def test_rows_say_what_they_are(model: Model) -> None:
    """Golden: name, kind, part and operators of the clean network, whose names tell no block."""
    rows = rows_from_events(model, _delegated(KERNELS))
    assert [(row.name, row.kind, row.part, row.op) for row in rows] == [
        ("conv", "stem conv", "stem", "CONV_2D"),
        ("swish", "swish", "swish", "LOGISTIC+MUL"),
        ("depthwise", "depthwise 3x3", "depthwise", "DEPTHWISE_CONV_2D"),
        ("mean", "head pool", "head", "MEAN"),
        ("flat", "reshape", "other", "RESHAPE"),
        ("logits", "head dense", "head", "FULLY_CONNECTED"),
    ]
    assert {row.block for row in rows} == {None}
    assert {row.part for row in rows} <= set(PARTS)


def test_names_of_this_package_tell_block_and_part() -> None:
    """Block, part and kind of the operators of one block, squeeze and excitation included."""
    sketch = clean()
    for old, new in {
        "conv": "block2a_expand_conv",
        "swish": "block2a_expand_activation/swish",
        "depthwise": "block2a_dwconv",
        "mean": "block2a_se_squeeze",
        "logits": "predictions",
    }.items():
        sketch.tensor(old).name = new.encode()
    rows = rows_from_events(read_model_bytes(sketch.pack()), _delegated(KERNELS))
    assert [(row.block, row.part, row.kind) for row in rows if row.op != "RESHAPE"] == [
        ("block2a", "expand", "fused conv 3x3"),
        ("block2a", "swish", "swish"),
        ("block2a", "depthwise", "depthwise 3x3"),
        ("block2a", "se", "se mean"),
        ("head", "head", "head dense"),
    ]


def test_what_two_merged_operators_hand_to_each_other_is_no_traffic(model: Model) -> None:
    """A swish reads its input once and writes its output; alone, its halves move more."""
    gate, product = model.main.operators[1:3]
    activation = 4 * 4 * 4
    assert moved_bytes(model.main, [gate, product]) == 2 * activation
    assert moved_bytes(model.main, [gate]) == 2 * activation
    assert moved_bytes(model.main, [product]) == 3 * activation


def test_bytes_of_a_convolution_are_input_weights_bias_and_output(model: Model) -> None:
    """Each once."""
    (convolution,) = model.main.operators[:1]
    assert moved_bytes(model.main, [convolution]) == 8 * 8 * 3 + 4 * 3 * 3 * 3 + 4 * 4 + 4 * 4 * 4
