"""Where weights are looked for, what is fetched, and what is said of files that are not whole."""

import hashlib
import io
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest
import torch

from stylegen.errors import InputError
from stylegen.perceptual import locating, weights, weights_table
from stylegen.perceptual.lpips import Lpips
from stylegen.perceptual.names import NETWORKS
from stylegen.perceptual.weights_table import WEIGHTS, Weights

CONTENT = b"weights" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Reply(io.BytesIO):
    """What a server sends: perhaps less than it says."""

    def __init__(self, content: bytes, length: int | None = None) -> None:
        super().__init__(content)
        self.headers = Message()
        if length is not None:
            self.headers["Content-Length"] = str(length)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for entry in WEIGHTS.values():
        monkeypatch.delenv(entry.variable, raising=False)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Weights:
    entry = Weights(
        name="toy", file="toy.pth", url="https://example.invalid/toy.pth", sha256=DIGEST,
        size_bytes=len(CONTENT), about="a toy",
    )  # fmt: skip
    monkeypatch.setitem(WEIGHTS, "toy", entry)
    return entry


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes, length: int | None = None) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Reply(content, length))


def test_each_network_has_one_file() -> None:
    assert {name for name in NETWORKS if name not in ("demo", "custom")} <= set(WEIGHTS)
    for name, entry in WEIGHTS.items():
        assert name == entry.name
        assert entry.variable == f"STYLEGEN_WEIGHTS_{name.upper()}"
        assert len(entry.sha256) in (0, 8, 64)
        assert entry.fetchable == bool(entry.url and entry.sha256)
    # torch.hub's and torchvision's names end in the digest's beginning; CLIP's URLs hold it.
    for name in ("inception", "vgg16", "alexnet", "squeezenet1_1"):
        assert f"-{WEIGHTS[name].sha256}.pth" in WEIGHTS[name].file
    clip = WEIGHTS["clip_vitl14_336"]
    assert clip.url == (
        f"https://openaipublic.azureedge.net/clip/models/{clip.sha256}/ViT-L-14-336px.pt"
    )
    assert clip.file == f"clip-vit-l-14-336px-{clip.sha256}.pt"
    assert len({entry.file for entry in WEIGHTS.values()}) == len(WEIGHTS)


def test_files_are_where_torch_fidelity_keeps_them(hub: Path) -> None:
    clip = pytest.importorskip("torch_fidelity.feature_extractor_clip")
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    assert WEIGHTS["inception"].url == inception.URL_INCEPTION_V3
    theirs = {f"{name}-{facts['hash']}.pt" for name, facts in clip.MODEL_METADATA.items()}
    assert theirs == {entry.file for name, entry in WEIGHTS.items() if name.startswith("clip_")}
    assert set(clip.MODEL_URLS.values()) == {
        entry.url for name, entry in WEIGHTS.items() if name.startswith("clip_")
    }
    assert locating.weights_path("inception") == hub / WEIGHTS["inception"].file


def test_digests_of_files_at_hand(shared: Path) -> None:
    for name, file in (
        ("squeezenet", "squeezenet1_1_caffe_features.pth"),
        ("lpips_vgg", "lpips/vgg.pth"),
        ("lpips_alex", "lpips/alex.pth"),
        ("lpips_squeeze", "lpips/squeeze.pth"),
    ):
        found = locating.verify(name, shared / "data/weights" / file)
        assert found.state == "whole", found
        assert (shared / "data/weights" / file).stat().st_size == WEIGHTS[name].size_bytes


def test_the_order_of_places(
    hub: Path, toy: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one.pth", tmp_path / "two.pth"
    for path in (one, two, hub / toy.file):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    assert locating.find_weights("toy") == hub / toy.file
    monkeypatch.setenv("STYLEGEN_WEIGHTS_TOY", str(one))
    assert locating.find_weights("toy") == one
    assert locating.find_weights("toy", two) == two
    assert locating.find_weights("toy", f"torchscript:{two}") == two
    one.unlink()
    with pytest.raises(InputError, match=r"STYLEGEN_WEIGHTS_TOY names .*one\.pth, and there is no"):
        locating.find_weights("toy")
    with pytest.raises(InputError, match="no weights file at"):
        locating.find_weights("toy", one)
    with pytest.raises(InputError, match="'toys'; known: inception"):
        locating.find_weights("toys")
    with pytest.raises(InputError, match="fitted on first use"):
        weights_table.weights_facts("demo")


def test_an_absent_file_is_downloaded_once(
    hub: Path, toy: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, CONTENT, len(CONTENT))
    path = locating.find_weights("toy")
    assert path.read_bytes() == CONTENT
    serve(monkeypatch, b"other")
    assert locating.find_weights("toy") == path
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "length", "said"),
    [
        (CONTENT[:-1], None, r"is cut off after 699 of 700 bytes"),
        (CONTENT[:-1], len(CONTENT), r"is cut off after 699 of 700 bytes"),
        (CONTENT + b"x", None, r"has 701 bytes, not 700"),
        (b"x" * len(CONTENT), None, r"another sha256 than"),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    hub: Path,
    toy: Weights,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    length: int | None,
    said: str,
) -> None:
    serve(monkeypatch, content, length)
    with pytest.raises(InputError, match=said):
        locating.find_weights("toy")
    assert not list(hub.iterdir())


def test_the_servers_length_counts_where_ours_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, CONTENT[:-1], len(CONTENT))
    seen: list[int] = []
    with pytest.raises(OSError, match="cut off after 699 of 700"):
        weights.fetch("https://x.invalid/x", tmp_path / "x", DIGEST, progress=seen.append)
    assert seen == [699]
    with pytest.raises(OSError, match="another sha256"):
        weights.fetch("https://x.invalid/x", tmp_path / "x", "", len(CONTENT) - 1)
    assert not list(tmp_path.iterdir())


def test_a_download_that_fails_says_what_to_do(
    hub: Path, toy: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", fails)
    with pytest.raises(InputError) as caught:
        locating.find_weights("toy")
    for part in ("no route to host", str(toy.url), str(hub / toy.file), "--features-weights FILE",
                 "STYLEGEN_WEIGHTS_TOY"):  # fmt: skip
        assert part in str(caught.value)


def test_a_digest_of_the_users(hub: Path, toy: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Weights(**{**vars(toy), "sha256": "", "size_bytes": None})
    monkeypatch.setitem(WEIGHTS, "toy", unknown)
    serve(monkeypatch, CONTENT)
    with pytest.raises(InputError, match="no sha256 is known to check them"):
        locating.download("toy")
    assert locating.download("toy", sha256=DIGEST).read_bytes() == CONTENT
    assert locating.verify("toy").state == "unknown"


def test_verdicts(hub: Path, toy: Weights) -> None:
    assert locating.verify("toy").state == "absent"
    hub.mkdir(parents=True)
    path = hub / toy.file
    path.write_bytes(CONTENT)
    found = locating.verify("toy")
    assert (found.state, found.sha256, found.path) == ("whole", DIGEST, path)
    path.write_bytes(CONTENT[:-1])
    found = locating.verify("toy")
    assert found.state == "truncated"
    assert "cut off after 699 of 700 bytes" in found.said
    path.write_bytes(b"x" * len(CONTENT))
    assert locating.verify("toy").state == "different"


def test_words(hub: Path, toy: Weights) -> None:
    path = hub / toy.file
    assert locating.weights_words("toy") == f"absent: downloaded to {path}, once"
    assert locating.weights_words("squeezenet") == "named by --features-weights FILE"
    hub.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1])
    assert locating.weights_words("toy") == f"cut off: {path}"
    path.write_bytes(CONTENT)
    assert locating.weights_words("toy") == f"found: {path}"


def test_the_truncated_download(shared: Path) -> None:
    found = locating.verify("inception", shared / "data/weights/inception_truncated.pth")
    assert found.state == "truncated"
    assert found.said.startswith("cut off after 818,371 of 95,628,359 bytes")


def test_a_zip_without_its_end_is_truncated(
    hub: Path, toy: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WEIGHTS, "toy", Weights(**{**vars(toy), "size_bytes": None}))
    whole = io.BytesIO()
    torch.save({"x": torch.zeros(1000)}, whole)
    path = tmp_path / "x.pth"
    path.write_bytes(whole.getvalue())
    assert locating.verify("toy", path).state == "different"
    path.write_bytes(whole.getvalue()[:-100])
    assert locating.verify("toy", path).state == "truncated"


def test_lpips_names_its_own_option(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG-16 is a feature network, too, whose file another option names."""

    def broken(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", broken)
    with pytest.raises(InputError, match="name it with --lpips-weights FILE"):
        Lpips("vgg")
    with pytest.raises(InputError, match="name it with --features-weights FILE"):
        locating.find_weights("vgg16")
