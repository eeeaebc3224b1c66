"""Protocols: what the named ones are, that digests tell them apart, and sentences on why."""

import dataclasses
import hashlib
import subprocess
import sys
from typing import Any

import pytest

from stylegen.errors import InputError
from stylegen.metrics import protocols
from stylegen.metrics.protocols import PROTOCOLS, Protocol, differences, digest, feature_digest

OTHERS: dict[str, Any] = {
    "network": "vgg16", "resize": "clean", "arithmetic": "bf16", "reals": 1000, "mirror": True,
    "samples": 10_000, "psi": 0.7, "noise": "const", "labels": "data", "seed": 3, "divisor": "N",
}  # fmt: skip


def test_the_named_ones_are_what_the_tools_do() -> None:
    full, fidelity = PROTOCOLS["fid50k_full"], PROTOCOLS["torch-fidelity"]
    assert (full.network, full.resize, full.arithmetic) == ("inception", "tf1", "fp32")
    assert (full.reals, full.mirror, full.samples, full.psi) == (None, False, 50_000, 1.0)
    assert (full.noise, full.labels, full.divisor) == ("random", "data", "N")
    assert (fidelity.resize, fidelity.labels, fidelity.divisor) == ("tf1", "uniform", "N - 1")
    assert fidelity.seed == 2020
    assert PROTOCOLS["pytorch-fid"].resize == "pytorch"
    assert PROTOCOLS["clean"].resize == "clean"
    assert set(protocols.TOOLS) == set(PROTOCOLS)
    for name, value in PROTOCOLS.items():
        assert protocols.name_of(value) == name
        assert protocols.protocol(name) is value
        assert all(text.endswith(".") for text in protocols.TOOLS[name])
    assert protocols.name_of(Protocol(samples=7)) is None
    with pytest.raises(InputError, match="'fid'; known: fid50k_full, torch-fidelity"):
        protocols.protocol("fid")


def test_a_resize_that_is_left_out_is_the_usual_one() -> None:
    assert Protocol() == Protocol(resize="tf1")
    assert Protocol(network="squeezenet").resize is None
    with pytest.raises(InputError, match="in its own way"):
        Protocol(network="squeezenet", resize="tf1")
    with pytest.raises(InputError, match="no feature network"):
        Protocol(network="vgg")


@pytest.mark.parametrize("field", OTHERS)
def test_each_field_counts(field: str) -> None:
    here = Protocol()
    there = dataclasses.replace(here, **{field: OTHERS[field]})
    assert digest(here) != digest(there)
    shares = field not in ("network", "resize", "arithmetic")
    assert (feature_digest(here) == feature_digest(there)) == shares
    (sentence,) = differences(here, there)
    assert sentence.endswith(".")
    assert "{" not in sentence
    (back,) = differences(there, here)
    assert back != sentence
    assert protocols.from_json(protocols.to_json(there)) == there


def test_all_fields_have_been_tried() -> None:
    assert {f.name for f in dataclasses.fields(Protocol)} - set(OTHERS) == {"quantisation"}
    assert set(protocols._SENTENCES) == {f.name for f in dataclasses.fields(Protocol)}


def test_what_differs_is_said_in_figures() -> None:
    said = differences(PROTOCOLS["fid50k_full"], PROTOCOLS["clean"])
    assert len(said) == 3
    assert "tf1" in said[0]
    assert "as clean-fid resizes" in said[0]
    assert "as frequent as in the data here and uniformly there" in said[1]
    assert "by N here and by N - 1 there" in said[2]
    assert differences(PROTOCOLS["clean"], PROTOCOLS["clean"]) == []
    assert (
        "50,000 images are drawn here and 5,000 there"
        in (differences(Protocol(), Protocol(samples=5000))[0])
    )


def test_digests_are_of_the_values() -> None:
    """Caches and references of other days hang on them."""
    assert digest(Protocol()) == digest(Protocol(samples=50_000, resize="tf1"))
    text = b'{"arithmetic": "fp32", "network": "inception", "resize": "tf1"}'
    assert feature_digest(Protocol()) == hashlib.sha256(text).hexdigest()


def test_extractions_are_shared() -> None:
    groups = protocols.shared_extractions(["clean", "fid50k_full", "torch-fidelity", "clean"])
    assert list(groups.values()) == [["clean"], ["fid50k_full", "torch-fidelity"]]
    with pytest.raises(InputError, match="known"):
        protocols.shared_extractions(["dirty"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "object of named values"),
        ('{"networks": "x"}', "unknown entries: networks"),
        ('{"network": "x"}', "no feature network is called 'x'"),
        ('{"samples": "many"}', "samples is 'many'"),
        ('{"resize": "box"}', "'box'"),
        ('{"divisor": "N + 1"}', r"divisor is 'N \+ 1'"),
    ],
)
def test_what_is_no_protocol(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        protocols.from_json(text)


def test_protocols_cost_no_torch() -> None:
    code = "import sys, stylegen.metrics.protocols; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
