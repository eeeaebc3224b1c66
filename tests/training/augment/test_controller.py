"""The controller of p, in simulated runs."""

import logging
import math

import pytest

from stylegen.errors import InputError
from stylegen.training.augment import AdaController, AugmentConfig

IMAGES = 32 * 4  # a batch of 32, every 4 steps


def test_one_update_is_the_published_step() -> None:
    ada = AdaController(AugmentConfig(kind="ada"))
    ada.update(0.7, IMAGES)
    assert ada.p == pytest.approx(128 / 500_000, rel=1e-12)
    ada.update(0.8, IMAGES)
    assert ada.p == pytest.approx(256 / 500_000, rel=1e-12)
    ada.update(0.6, IMAGES)  # on target
    assert ada.p == pytest.approx(256 / 500_000, rel=1e-12)
    ada.update(0.5, IMAGES)
    assert ada.p == pytest.approx(128 / 500_000, rel=1e-12)
    assert ada.r_t == 0.5


def test_p_goes_from_0_to_1_within_the_speed() -> None:
    ada = AdaController(AugmentConfig(kind="ada", speed_kimg=500, max_p=1.0))
    steps = 0
    while ada.p < 1:
        ada.update(1.0, 1000)
        steps += 1
    assert steps in (500, 501)  # the sum of 500 rounded steps may end just below 1


def test_p_returns_to_zero_on_endless_data_and_stays_there() -> None:
    ada = AdaController(AugmentConfig(kind="ada"))
    ada.load({"p": 0.5, "r_t": 0.9, "images_at_bound": 0.0})
    shown = 0
    while ada.p > 0:
        ada.update(0.3, IMAGES)  # real images never shown before: D is not sure of them
        shown += IMAGES
    assert shown == pytest.approx(250_000, abs=IMAGES)
    for _ in range(100):
        ada.update(0.3, IMAGES)
        assert ada.p == 0


def test_p_settles_where_the_response_meets_the_target() -> None:
    ada = AdaController(AugmentConfig(kind="ada"))
    for _ in range(3000):
        ada.update(0.9 - 1.2 * ada.p, IMAGES)  # meets 0.6 at p = 0.25
    assert ada.p == pytest.approx(0.25, abs=2 * IMAGES / 500_000)


def test_p_never_leaves_its_bounds() -> None:
    ada = AdaController(AugmentConfig(kind="ada", max_p=0.3))
    for _ in range(100):
        ada.update(1.0, 10_000)
        assert ada.p <= 0.3
    assert ada.p == 0.3
    ada.update(0.0, 10**9)
    assert ada.p == 0


def test_standing_at_the_bound_is_counted_and_said_once_a_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ada = AdaController(AugmentConfig(kind="ada", max_p=0.02))

    def stay() -> None:
        with caplog.at_level(logging.WARNING):
            for _ in range(30):
                ada.update(0.9, 10_000)

    stay()  # there with the first update
    assert ada.images_at_bound == 300_000
    assert [r.message for r in caplog.records] == [
        "augmentation has stood at its bound of p = 0.02 for 100 kimg (r_t 0.90): "
        "more of it might leak into the images generated"
    ]
    ada.update(0.1, 1000)
    assert ada.images_at_bound == 0
    stay()
    assert len(caplog.records) == 2


def test_no_stay_where_nothing_is_allowed(caplog: pytest.LogCaptureFixture) -> None:
    ada = AdaController(AugmentConfig(kind="ada", max_p=0.0))
    for _ in range(20):
        ada.update(0.9, 10_000)
    assert ada.p == ada.images_at_bound == 0
    assert not caplog.records


def test_logits_that_are_not_finite_leave_p(caplog: pytest.LogCaptureFixture) -> None:
    ada = AdaController(AugmentConfig(kind="ada"))
    ada.update(0.9, 50_000)
    ada.update(math.nan, 50_000)
    assert (ada.p, ada.r_t) == (0.1, 0.9)
    assert "p stays at 0.100" in caplog.text


def test_state_round_trip_goes_on_exactly() -> None:
    first, second = (AdaController(AugmentConfig(kind="ada", max_p=0.013)) for _ in range(2))
    signs = [math.sin(k) / 2 + 0.75 for k in range(100)]
    for sign in signs[:57]:
        first.update(sign, IMAGES)
    second.load(first.state())
    for sign in signs[57:]:
        first.update(sign, IMAGES)
        second.update(sign, IMAGES)
        assert second.state() == first.state()
    assert first.p > 0


@pytest.mark.parametrize("state", [{}, {"p": 1.5}, {"p": math.nan}, {"r_t": -2.0}])
def test_a_state_out_of_range_is_refused(state: dict[str, float]) -> None:
    ada = AdaController(AugmentConfig(kind="ada"))
    whole = {"p": 0.5, "r_t": 0.5, "images_at_bound": 0.0} | state if state else {}
    with pytest.raises(InputError, match="the state of ADA has"):
        ada.load(whole)
