"""The machine that reads pickles: every operation, with what it expects and with what it does not."""

from __future__ import annotations

import pickle
import pickletools
import struct
import time

import pytest
from checkpoint_helpers import glob, loads, new, text
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.nn.weights import machine, opcodes
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError
from ultralytics.nn.weights.machine import Machine, Name, Record, Reference
from ultralytics.nn.weights.opcodes import OPERATIONS, run

LINEAR = glob("torch.nn.modules.linear", "Linear")
SYSTEM = glob("os", "system")

# What may lie on the stack when an operation comes; hostile for nearly all of them.
STACKS = [
    b"",
    b"(",
    b"((",
    b"N",
    b"K\x05",
    b"G" + struct.pack(">d", float("nan")),
    text("x"),
    b"C\x01x",
    b"]",
    b"}",
    b")",
    b"\x8f",
    LINEAR,
    SYSTEM,
    new(LINEAR),
    new(LINEAR, b"}"),
    SYSTEM + b")R",
    b"NQ",
    b"]q\x00h\x00a",  # a list in itself
    b"}K\x01",
    b"}]",
    b"]K\x01",
    b"]}",
    b"K\x01K\x01",
    b"K\x01K\x01K\x01",
    b"(K\x01",
    b"}(K\x01",
    b"](K\x01",
    b"\x8f(]",
    b"}(]N",
    b"}((]tN",
    SYSTEM + text("true"),
    SYSTEM + b")",
    SYSTEM + b"(" + text("true") + b"t",
    SYSTEM + b")}",
    SYSTEM + b")N",
    LINEAR + b"}",
    new(LINEAR) + b"(K\x01K\x02",
    b"(" + SYSTEM + text("true"),
    b"(N",
    b"(h\x00",
    text("os") + text("system"),
    text("os") + b"N",
    text("a" * 3000) + text("b"),
    b"(" + text("storage") + LINEAR + text("0") + text("cpu") + b"K\x01t",
    b"(" + text("module") + SYSTEM + text("a") + text("b") + b"t",
]

NUMBERS = {"p": [b"0", b"1", b"-1", b"99999999", b"1_0", b"0x1", b"01", b"00", b"1L", b"9" * 5000, b"nan", b"\xff"]}
LINES = [
    *(b"", b"'a'", b"'a", b"\"a'", b"'\\x41'", b"\\ud800", b"\\U99999999", b"\xff\xfe", b"a" * 3000),
    *(b"1.5", b"inf", b"1e999", b"-", b"os\nsystem", b"torch.nn.modules.linear\nLinear", b"\n"),
    *NUMBERS["p"],
]


def operands(op: pickletools.OpcodeInfo) -> list[bytes]:
    """Arguments as they follow an operation: right, wrong, too long, cut off, and none."""
    if op.arg is None:
        return [b""]
    if op.arg.n >= 0:
        return [fill * op.arg.n for fill in (b"\x00", b"\x01", b"\x05", b"\x7f", b"\x80", b"\xff")] + [b""]
    if op.arg.n == pickletools.UP_TO_NEWLINE:
        return [line + b"\n" for line in LINES] + [b"", b"no end"]
    size = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4}.get(op.arg.n, 8)
    size = 4 if op.arg.n == pickletools.TAKEN_FROM_ARGUMENT4U else size
    lengths = [count.to_bytes(size, "little") for count in (0, 1, 3, 255)] + [
        b"\xff" * size,
        b"\xff" * (size - 1) + b"\x7f",
    ]
    contents = [b"", b"abc", b"\xff\xfe\xfd", b"\xed\xa0\x80", b"x" * 255]
    return [length + content for length in lengths for content in contents] + [b""]


@pytest.mark.parametrize("op", pickletools.opcodes, ids=lambda op: op.name)
def test_every_operation_with_hostile_operands(op):
    began = time.monotonic()
    for stack in STACKS:
        for operand in operands(op):
            for tail in (b".", b"q\x00.", b"h\x00.", b"R.", b"b.", b"0."):
                data = b"\x80\x04" + stack + op.code.encode("latin1") + operand + tail
                for reader in (lambda d: run(Machine(d)), loads):
                    try:
                        reader(data)
                    except CheckpointError as error:
                        assert len(str(error)) < 2000
    assert time.monotonic() - began < 60, "an operation hangs"


def test_every_operation_is_there():
    missing = {op.name for op in pickletools.opcodes if OPERATIONS[ord(op.code)] is opcodes._unknown}
    assert missing == {"STOP"}  # the loop itself
    for code in set(range(256)) - {ord(op.code) for op in pickletools.opcodes}:
        with pytest.raises(CheckpointError, match="no operation"):
            run(Machine(bytes([code]) + b"."))


def test_names_and_calls_become_records():
    made = run(Machine(b"\x80\x02" + SYSTEM + b"(" + text("true") + b"tR}" + text("a") + b"K\x01sb."))
    assert type(made) is Record and type(made.what) is Name and made.called
    assert (made.what.module, made.what.name, made.args, made.state) == ("os", "system", ("true",), {"a": 1})
    bare = run(
        Machine(b"\x80\x02" + new(LINEAR) + b"(K\x01K\x02u](K\x03ee."[:0] + new(LINEAR) + b"(K\x01K\x02uK\x03a.")
    )
    assert (bare.called, bare.pairs, bare.items) == (False, [(1, 2)], [3])
    assert type(run(Machine(b"K\x01Q."))) is Reference


def test_a_record_has_one_state():
    with pytest.raises(CheckpointError, match="second time"):
        run(Machine(new(LINEAR, b"}") + b"}b."))
    with pytest.raises(UnsafeCheckpointError, match="changes"):
        run(Machine(LINEAR + b"}b."))


@pytest.mark.parametrize("code", [b"\x82\x01.", b"\x83\x01\x00.", b"\x84\x01\x00\x00\x00."])
def test_extension_codes_are_refused(code):
    with pytest.raises(UnsafeCheckpointError, match="extension"):
        run(Machine(b"\x80\x02" + code))


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(st.characters(), max_size=5),
        st.binary(max_size=5),
        st.complex_numbers(allow_nan=False),
        st.datetimes(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
        st.frozensets(st.integers(), max_size=3),
        st.sets(st.text(max_size=2), max_size=3),
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(value=VALUES, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back(value, protocol):
    again = loads(pickle.dumps(value, protocol))
    assert again == value and type(again) is type(value)
    if protocol >= 2:
        assert loads(pickletools.optimize(pickle.dumps(value, protocol))) == value


# What a pickle may cost -----------------------------------------------------------------------------------------------


def test_operations_are_bounded(monkeypatch):
    for module in (machine, opcodes):
        monkeypatch.setattr(module, "MAX_OPERATIONS", 1000)
    with pytest.raises(CheckpointError, match="more than 1,000 operations"):
        run(Machine(b"N0" * 600 + b"N."))


@pytest.mark.parametrize(
    "data",
    [
        b"Nr\xff\xff\xff\xff.",  # a memo of four thousand million places
        b"Np99999999999\n.",
        b"j\xff\xff\xff\xff.",
        b"g-1\n.",
        b"\x8b\xff\xff\xff\x7f.",  # a number of two thousand million bytes
        b"\x8b\x00\x00\x00\x80.",
        b"\x8e" + b"\xff" * 8 + b".",
        b"\x95" + b"\xff" * 8 + b"N.",
        b"T\xff\xff\xff\xff.",
        b"I" + b"9" * 100_000 + b"\n.",
    ],
)
def test_no_room_is_taken_on_the_files_word(data):
    with pytest.raises(CheckpointError):
        run(Machine(data))


def test_numbers_with_equal_hashes_do_not_hang():
    """A dictionary of 50,000 such keys would take minutes."""
    period = 2**61 - 1  # of hashes of whole numbers
    keys = b"".join(pickle.dumps(n * period, 2)[2:-1] + b"N" for n in range(1, 50_000))
    began = time.process_time()
    for data in (b"}(" + keys + b"u.", b"(" + keys + b"d.", b"\x8f(" + keys + b"\x90.", b"(" + keys + b"\x91."):
        with pytest.raises(CheckpointError, match="keys"):
            run(Machine(data))
    assert time.process_time() - began < 20


def test_class_names_by_number_are_many():
    names = {n: f"class {n}" for n in range(30_000)}
    assert loads(pickle.dumps(names, 2)) == names


@pytest.mark.parametrize("key", [b"]", b"}", b"(]t", b"((K\x01tt", LINEAR, b"\x8f", b"\x96" + b"\x00" * 8])
def test_keys_are_plain(key):
    for data in (b"}" + key + b"Ns.", b"(" + key + b"Nd.", b"\x8f(" + key + b"\x90.", b"(" + key + b"\x91."):
        with pytest.raises(CheckpointError, match="key"):
            run(Machine(data))


def test_deep_nesting_ends_in_an_error():
    for data in (b"(" * 300_000 + b"t" * 300_000 + b".", b"]" * 300_000 + b"a" * 299_999 + b"."):
        with pytest.raises(CheckpointError, match="deep"):
            loads(data)
    with pytest.raises(CheckpointError, match="contains itself"):
        loads(b"]q\x00h\x00a.")


def test_parts_that_occur_again_and_again_are_counted():
    """Twenty bytes a level double the text that printing it would write."""
    laughs = b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (n, n, n + 1) for n in range(60)) + b"."
    with pytest.raises(CheckpointError, match="refers to the same parts so often"):
        loads(laughs)
    long = text("x" * 100_000) + b"q\x00](" + b"h\x00" * 1000 + b"e"
    assert len(loads(long + b".")) == 1000
    for again in (long + b"q\x01](" + b"h\x01" * 500 + b"e.", text("x" * 10**6) + b"q\x00](" + b"h\x00" * 1000 + b"e."):
        with pytest.raises(CheckpointError, match="refers to the same parts so often"):
            loads(again)
