# SPDX-License-Identifier: Apache-2.0
"""The checker that all other tests rely on: it takes what is right and sees what is not."""
import pytest

import a6wire as wire

CALL = wire.req_call(7, id=5, method="POST", path="/x", args=[("a", "1"), ("b", None)],
                     headers=[("host", "h")])
SCHEMA = wire.FROM_GATEWAY[wire.HTTP_REQ_CALL]


def test_what_googles_builder_writes_is_well_formed():
    wire.check(CALL, SCHEMA)
    read = wire.read_gateway(wire.HTTP_REQ_CALL, CALL)
    assert read["id"] == 5 and read["conf_token"] == 7 and read["path"] == "/x"
    assert read["method"] == wire.METHODS.index("POST")
    assert read["args"] == [("a", "1"), ("b", None)]


def test_a_token_is_replaced_in_place():
    other = wire.with_token(wire.HTTP_REQ_CALL, CALL, 99)
    assert wire.read_gateway(wire.HTTP_REQ_CALL, other)["conf_token"] == 99
    assert len(other) == len(CALL)


def test_every_cut_is_seen():
    for size in range(len(CALL)):
        with pytest.raises(wire.Malformed):
            wire.check(CALL[:size], SCHEMA)


def test_a_missing_terminator_is_seen():
    at = CALL.index(b"host\0") + 4
    with pytest.raises(wire.Malformed, match="terminator"):
        wire.check(CALL[:at] + b"x" + CALL[at + 1:], SCHEMA)


def test_an_unknown_field_is_seen():
    with pytest.raises(wire.Malformed, match="unknown field"):
        wire.check(wire.req_call(7, newer=True), SCHEMA)


def test_bytes_that_belong_to_nothing_are_seen():
    with pytest.raises(wire.Malformed, match="belong to nothing"):
        wire.check(CALL + bytes(64), SCHEMA)


def test_memory_that_leaks_in_padding_is_seen():
    with pytest.raises(wire.Malformed, match="not zero"):
        wire.check(CALL + b"\0\0\0s", SCHEMA)


def test_every_changed_offset_is_seen_or_harmless():
    """No changed byte leads the checker out of the buffer."""
    for at in range(len(CALL)):
        for change in (0x01, 0x80, 0xff):
            mutant = bytearray(CALL)
            mutant[at] ^= change
            try:
                wire.check(bytes(mutant), SCHEMA)
                wire.read_gateway(wire.HTTP_REQ_CALL, bytes(mutant))
            except wire.Malformed:
                pass
