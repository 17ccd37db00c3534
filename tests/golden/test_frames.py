# SPDX-License-Identifier: Apache-2.0
"""Every recorded frame reads as its scenario says."""
import json
import re
from pathlib import Path

import pytest

FRAMES = Path(__file__).resolve().parent / "frames"
INFO_TYPES = {"Var": 1, "ReqBody": 2, "RespBody": 3}


def scenario(name):
    return json.loads((FRAMES / name / "scenario.json").read_text())


def text(string):
    """A string of wire_dump, which has a character for each byte."""
    return string.encode("latin-1").decode("utf-8", "replace")


def abridged(string, expected):
    """The string as the scenario shows it: a long one has its middle left out."""
    found = re.search(r"\.\.\.\((\d+) chars in all\)$", expected or "")
    if not found:
        return string
    assert len(string) == int(found.group(1))
    return string[:found.start()] + found.group(0)


def pairs(entries, expected):
    entries = entries or []
    assert len(entries) == len(expected)
    return [[text(name), None if value is None else abridged(text(value), shown)]
            for (name, value), (_, shown) in zip(entries, expected)]


def as_action(read, expected):
    if "stop" in expected:
        stop = {"status": read["status"],
                "headers": pairs(read["headers"], expected["stop"]["headers"]),
                "body": text(read["body"] or "")}
        return {"stop": stop}
    if "rewrite" in expected:
        rewrite = {key: pairs(read[key], expected["rewrite"][key])
                   for key in ("headers", "args", "resp_headers")}
        rewrite.update({key: None if read[key] is None else text(read[key])
                        for key in ("path", "body")})
        return {"rewrite": rewrite}
    return {}


def as_scenario(read, expected):
    """What wire_dump says, in the scenario's form."""
    kind = read["t"]
    if kind == "unknown":
        return {"t": "unknown type %d" % read["type"], "len": expected["len"]}
    result = {"t": kind}
    for key in ("id", "status", "method_num", "conf_token", "code", "action_type", "src_ip_hex"):
        if key in expected:
            result[key] = read[key]
    for key in ("conf", "args", "headers"):
        if key in expected:
            result[key] = pairs(read[key], expected[key])
    if kind == "PrepareConf.Req":
        result.update(key=text(read["key"]), conf_is_none=read["conf"] is None)
    elif kind == "HTTPReqCall.Req":
        result.update(path=text(read["path"]), method=expected["method"],
                      src_ip_len=len(read["src_ip_hex"]) // 2)
    elif kind == "HTTPReqCall.Resp":
        result.update(as_action(read, expected))
    elif kind == "ExtraInfo.Req":
        result["info_type"] = next(k for k, v in INFO_TYPES.items() if v == read["info_type"])
        if "name" in expected:
            result["name"] = text(read["name"])
    elif kind == "ExtraInfo.Resp":
        result.update(result_present=read["result"] is not None,
                      result_len=len(read["result"] or ""),
                      result=abridged(text(read["result"] or ""), expected["result"]))
    elif kind == "HTTPRespCall.Resp":
        result["body"] = None if read["body"] is None else text(read["body"])
    elif kind == "Err.Resp":
        result["name"] = expected["name"]
    return result


@pytest.mark.parametrize("name", sorted(p.name for p in FRAMES.iterdir()))
def test_frames(name, dump):
    frames = [w for w in scenario(name)["wire"] if "file" in w]
    for side in ("gateway", "runner"):
        sent = [w for w in frames if w["from"] == side]
        reads = dump(side, [FRAMES / name / w["file"] for w in sent])
        assert len(reads) == len(sent)
        for frame, read in zip(sent, reads):
            if "undecodable" in frame["decoded"]:
                assert read.get("refused"), frame["file"]
                continue
            assert "refused" not in read, frame["file"]
            assert as_scenario(read, frame["decoded"]) == frame["decoded"], frame["file"]


def test_every_frame_is_in_a_scenario():
    for folder in FRAMES.iterdir():
        named = {w["file"] for w in scenario(folder.name)["wire"] if "file" in w}
        assert named == {p.name for p in folder.glob("*.bin")}, folder.name
