"""The audit flags copies, mirrored too, clears unseen images, and counts as it says."""

import itertools
import math

import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.data import synth_images
from stylegen.errors import InputError
from stylegen.metrics.memorisation import _chance, _detectable, audit, mann_whitney
from tests.metrics.gaussians import normal


def features(images: Tensor) -> Tensor:
    """8 x 8 px thumbnails: enough to tell faces apart."""
    return F.avg_pool2d(images.float(), 2).flatten(1) / 127.5 - 1


def noisy(images: Tensor) -> Tensor:
    """Off by 3 of 255 in each pixel: a copy to the eye."""
    noise = 3 * normal(*images.shape, seed=9)
    return (images + noise).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def faces() -> dict[str, Tensor]:
    """A generator that has learnt the distribution draws what is drawn here: unseen faces."""
    images = synth_images(900, 16)[0]
    return {"train": images[:400], "held_out": images[400:650], "fake": images[650:]}


@pytest.mark.parametrize("by", ["held-out images", "training images"])
@pytest.mark.parametrize("copied", ["nothing", "images", "mirror images"])
def test_copies_are_found_and_unseen_images_cleared(
    faces: dict[str, Tensor], by: str, copied: str
) -> None:
    fake, train = faces["fake"].clone(), faces["train"]
    source = train[100:125].flip(3) if copied == "mirror images" else train[100:125]
    if copied != "nothing":
        fake[:25] = noisy(source)  # one in ten
    found = audit(
        features(fake), features(train), mirrored=features(train.flip(3)),
        held_out=features(faces["held_out"]) if by == "held-out images" else None,
    )  # fmt: skip
    assert found.calibration.by == by
    assert by in found.verdict
    if copied == "nothing":
        assert found.finding == "clear"
        assert "no sign of copying" in found.verdict
        assert found.share < 0.03
        return
    assert found.finding == "copies"
    assert found.p_value < 1e-6
    assert found.flagged[:25].all()
    assert found.flagged[25:].sum() < 8
    assert found.indices[:25, 0].tolist() == list(range(100, 125))
    assert found.mirrored[:25, 0].tolist() == [copied == "mirror images"] * 25
    assert sorted(found.order[:25].tolist()) == list(range(25))


def test_mirrored_copies_are_missed_without_mirror_images(faces: dict[str, Tensor]) -> None:
    fake, train = faces["fake"].clone(), faces["train"]
    fake[:25] = noisy(train[:25].flip(3))
    assert audit(features(fake), features(train)).finding != "copies"


def test_one_exact_copy_is_enough(faces: dict[str, Tensor]) -> None:
    fake, train = faces["fake"].clone(), faces["train"]
    fake[7] = train[3]
    found = audit(features(fake), features(train), held_out=features(faces["held_out"]))
    assert found.equal.nonzero().flatten().tolist() == [7]
    assert found.finding == "copies"
    assert "1 equal one" in found.verdict


def test_one_pair_of_duplicates_hides_no_copy(faces: dict[str, Tensor]) -> None:
    fake, train = faces["fake"].clone(), faces["train"].clone()
    train[11] = train[10]
    fake[7] = train[3]
    found = audit(features(fake), features(train))
    assert found.calibration.duplicates == 2
    assert found.finding == "copies"
    assert "1 equal one: the generator copies" in found.verdict


def test_what_equals_a_duplicated_image_is_never_no_sign(faces: dict[str, Tensor]) -> None:
    fake, train = faces["fake"].clone(), faces["train"].clone()
    fake[7] = train[11] = train[10]
    found = audit(features(fake), features(train))
    assert found.finding == "near"
    assert "1 equal one, but only such as the training set has twice" in found.verdict
    assert "no sign" not in found.verdict
    assert "0 equal one: no sign" in audit(features(faces["fake"]), features(train)).verdict


def test_duplicates_and_leaks_are_left_out_of_the_calibration(faces: dict[str, Tensor]) -> None:
    train, held_out = features(faces["train"]), features(faces["held_out"])
    doubled, leaky = torch.cat([train, train[:30]]), torch.cat([held_out, train[:40]])
    fake = features(faces["fake"])
    assert audit(fake, doubled).calibration.duplicates == 60
    found = audit(fake, train, held_out=leaky)
    assert found.calibration.duplicates == 40
    assert len(found.calibration.distances) == 250
    assert found.threshold == audit(fake, train, held_out=held_out).threshold


def test_shrunk_samples_are_near_but_no_copies(faces: dict[str, Tensor]) -> None:
    fake, train = features(faces["fake"]), features(faces["train"])
    shrunk = 0.8 * fake + 0.2 * train.mean(0)
    found = audit(shrunk, train, held_out=features(faces["held_out"]))
    assert found.finding == "near"
    assert found.c_t < -3
    assert "no copies, but" in found.verdict


def test_everything_on_a_line_by_hand() -> None:
    """Training images 0 10 20 44 and mirrored -1 -11 -21 -45; threshold: the smallest of four."""
    train, mirrored = (torch.tensor(v)[:, None] for v in ([0.0, 10, 20, 44], [-1.0, -11, -21, -45]))
    fake = torch.tensor([[-2.0], [13], [25], [48]])
    found = audit(fake, train, mirrored=mirrored, held_out=fake * 0 + 5, k=2)
    assert found.distances.tolist() == [[1, 9], [3, 7], [5, 15], [4, 28]]
    assert found.indices.tolist() == [[0, 1], [1, 2], [2, 1], [3, 2]]
    assert found.mirrored.tolist() == [[True, True], *[[False, False]] * 3]
    assert found.flagged.tolist() == [True, True, False, True]
    # Nearest others, mirrored ones too: 0-10: 10, 10-0: 10, 20-10: 10, 44-20: 24.
    assert found.authentic == 0
    own = audit(fake, train, k=2)
    assert own.calibration.distances.tolist() == [10, 10, 10, 24]
    assert own.expected == 1 / 5


def test_chances_are_scipys_beta_binomial() -> None:
    for m, rank, n, flags in itertools.product((1, 30), (1, 4), (9, 200), (0, 1)):
        expected = scipy.stats.betabinom(m, rank, n + 1 - rank).sf(flags - 1)
        assert _chance(m, rank, n, flags) == pytest.approx(expected, rel=1e-9)
    least = round(_detectable(250, 4, 400) * 250)
    assert _chance(250, 4, 400, least) < 1e-3 <= _chance(250, 4, 400, least - 1)
    assert _detectable(1, 1, 9) > 1


def test_flags_are_as_frequent_as_stated() -> None:
    """Over 200 draws without copying, chance is ruled out in about one of a thousand."""
    shares, found = [], 0
    for seed in range(200):
        x = normal(360, 3, seed=seed)
        one = audit(x[:80], x[80:240], held_out=x[240:], k=1, alpha=0.05)
        shares.append(one.share - one.expected)
        found += one.finding == "copies"
    assert abs(sum(shares)) / 200 < 4 * torch.tensor(shares).std() / math.sqrt(200)
    assert found <= 3


def test_mann_whitney_is_scipys() -> None:
    x, y = normal(31).float(), normal(47, seed=1).float() + 0.2
    x[:5] = y[:5]
    u = scipy.stats.mannwhitneyu(x.numpy(), y.numpy()).statistic
    expected = (u - 31 * 47 / 2) / math.sqrt(31 * 47 * 79 / 12)
    assert mann_whitney(x, y.sort().values) == pytest.approx(expected, rel=1e-12)


def test_it_refuses() -> None:
    x = normal(9, 3)
    with pytest.raises(InputError, match=r"mirrored training images are \(8, 3\)"):
        audit(x, x, mirrored=x[:8])
    with pytest.raises(InputError, match="alpha is 1"):
        audit(x, x, alpha=1.0)
    with pytest.raises(InputError, match="at least 10 images on each side, not 9"):
        audit(x, x, k=10)
    with pytest.raises(InputError, match="all held-out images are duplicates"):
        audit(x, x, held_out=torch.cat([x, x]), k=2)
