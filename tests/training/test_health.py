"""Health: what is said of runs that go wrong, and that healthy ones are left alone."""

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from stylegen.errors import InputError
from stylegen.training.health import Advice, Health, HealthConfig
from stylegen.training.health.watch import Best, Usual, Watch, is_metric, lower_is_better

# (kimg, loss_g, loss_d, signs_real, signs_fake) of a run of ours on CIFAR-10, 32 px, no
# augmentation, whose Frechet distance fell from 26,000 to 9,000 in the meantime.
HEALTHY = [
    (4.0, 3.258, 0.463, 0.774, -0.897), (8.0, 1.994, 0.723, 0.595, -0.836),
    (12.0, 1.846, 0.855, 0.488, -0.764), (16.0, 1.675, 0.937, 0.431, -0.703),
    (20.0, 1.72, 0.922, 0.451, -0.725), (24.0, 1.499, 1.008, 0.42, -0.631),
    (28.0, 1.44, 1.006, 0.397, -0.624), (32.0, 1.342, 1.094, 0.326, -0.579),
    (36.0, 1.263, 1.132, 0.265, -0.565), (40.0, 1.17, 1.164, 0.243, -0.513),
]  # fmt: skip

# The same of a run of ours on 100 images of 16 px, which it learns by heart.
BY_HEART = [
    (2.016, 1.562, 0.932, 0.616, -0.593),
    (4.032, 1.26, 1.009, 0.58, -0.486),
    (6.048, 1.518, 0.839, 0.703, -0.626),
    (8.064, 1.666, 0.777, 0.702, -0.712),
    (10.08, 1.894, 0.762, 0.712, -0.637),
    (12.096, 1.843, 0.735, 0.719, -0.677),
    (14.112, 1.911, 0.696, 0.725, -0.688),
    (16.128, 1.999, 0.63, 0.775, -0.759),
    (18.144, 2.196, 0.613, 0.784, -0.753),
    (20.16, 2.419, 0.552, 0.812, -0.791),
    (22.176, 2.666, 0.452, 0.874, -0.854),
    (24.192, 2.778, 0.471, 0.85, -0.832),
    (26.208, 2.926, 0.431, 0.842, -0.848),
    (28.224, 2.986, 0.438, 0.849, -0.858),
    (30.24, 3.097, 0.337, 0.908, -0.915),
    (32.256, 3.369, 0.312, 0.881, -0.918),
    (34.272, 3.543, 0.301, 0.898, -0.917),
    (36.288, 3.65, 0.22, 0.924, -0.955),
    (38.304, 3.445, 0.425, 0.845, -0.875),
    (40.32, 3.601, 0.245, 0.917, -0.953),
    (42.336, 3.573, 0.249, 0.91, -0.948),
    (44.352, 3.593, 0.343, 0.869, -0.905),
    (46.368, 3.516, 0.271, 0.912, -0.924),
    (48.384, 3.769, 0.214, 0.934, -0.959),
    (50.4, 3.692, 0.319, 0.877, -0.912),
    (52.416, 3.759, 0.242, 0.915, -0.939),
    (54.432, 3.57, 0.282, 0.901, -0.938),
]
NAMES = ("kimg", "loss_g", "loss_d", "signs_real", "signs_fake")


def fine(kimg: float, **changes: Any) -> dict[str, Any]:
    return {
        "kimg": kimg, "loss_g": 1.2, "loss_d": 1.0, "signs_real": 0.4, "signs_fake": -0.5,
        "grad_norm_g": 0.5, "grad_norm_d": 5.0, "variety": 3.0, "data_wait_sec": 0.1,
        "seconds_tick": 10.0, "steps_skipped": 0, **changes,
    }  # fmt: skip


def told(health: Health, ticks: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(a.kind, a.kimg) for tick in ticks for a in health.observe(tick)]


def sentence(health: Health, ticks: list[dict[str, Any]]) -> str:
    return [a.sentence for tick in ticks for a in health.observe(tick)][-1]


def series(start: float, stop: float, step: float = 4.0, **changes: Any) -> list[dict[str, Any]]:
    return [fine(start + i * step, **changes) for i in range(round((stop - start) / step) + 1)]


def test_a_healthy_run_is_left_alone() -> None:
    health = Health()
    assert told(health, [dict(zip(NAMES, row, strict=True)) for row in HEALTHY]) == []
    assert told(health, series(44, 5000)) == []
    assert health.current == []


def test_a_young_run_is_not_accused() -> None:
    ahead = {"signs_real": 1.0, "signs_fake": -1.0, "loss_d": 0.001, "loss_g": 9.0}
    assert told(Health(), series(4, 16, **ahead) + series(20, 60)) == []


def test_a_run_that_learns_by_heart_is_told_so() -> None:
    ticks = [dict(zip(NAMES, row, strict=True)) for row in BY_HEART]
    # past both thresholds from 22.176 on, never past the milder ones again: 20 kimg later
    assert told(Health(), ticks) == [("overfitting", 42.336)]


OVERFIT = {"signs_real": 0.99, "signs_fake": -0.99}


def test_overfitting_is_told_when_it_has_held_and_again_after_a_distance() -> None:
    # warm-up over at 20; seen at 40, 44, ... 60; 20 kimg of it are over at 60; then 200 kimg on
    ticks = series(4, 36) + series(40, 300, **OVERFIT)
    assert told(Health(), ticks) == [("overfitting", 60.0), ("overfitting", 260.0)]
    assert "--augment ada" in sentence(Health(), ticks)


def test_overfitting_has_hysteresis() -> None:
    wavering = [
        fine(kimg, signs_real=0.8 if i % 2 else 0.99, signs_fake=-0.7 if i % 2 else -0.99)
        for i, kimg in enumerate(range(40, 61, 4))
    ]
    assert told(Health(), series(4, 36) + wavering) == [("overfitting", 60.0)]
    ended = [fine(k, signs_real=0.7 if k == 52 else 0.99, signs_fake=-0.99) for k in range(40, 69)]
    assert told(Health(), series(4, 36) + ended) == []  # begun again at 53, 15 kimg ago
    only_reals = series(40, 100, signs_real=0.99)
    assert told(Health(), series(4, 36) + only_reals) == []


def test_r_t_goes_before_signs_real() -> None:
    assert told(Health(), series(24, 100, r_t=0.5, **OVERFIT)) == []


def test_ada_is_given_time_until_its_bound() -> None:
    rising = [
        fine(k, augment_p=min((k - 24) / 100, 0.85), **OVERFIT) for k in range(24, 201, 4)
    ]  # p passes 0.8 at 104 and reaches 0.85 at 109, so at the tick of 112
    health = Health(augment="ada", ada_max=0.85)
    assert told(health, rising) == [("ada_bound", 124.0), ("overfitting", 132.0)]
    (bound, overfit) = sorted(health.current, key=lambda a: a.kind)
    assert "bound (p 0.85, --ada-max 0.85)" in bound.sentence
    assert "--gamma" in overfit.sentence


def test_the_kind_of_augmentation_may_change() -> None:
    health = Health(augment="none")
    health.augment = "ada"  # as a schedule's next phase has it: it answers by itself
    assert told(health, series(24, 80, augment_p=0.3, **OVERFIT)) == []
    health.augment = "none"
    assert told(health, series(84, 110, augment_p=0.0, **OVERFIT)) == [("overfitting", 104.0)]


def test_fixed_augmentation_that_does_not_help() -> None:
    ticks = series(24, 44, augment_p=0.2, **OVERFIT)
    assert "in spite of --augment fixed" in sentence(Health(augment="fixed"), ticks)


def test_ada_beyond_what_leaks() -> None:
    health = Health(augment="ada", ada_max=1.0)
    assert told(health, series(4, 24, augment_p=0.82)) == [("ada_bound", 24.0)]
    assert "lower --ada-max to 0.8" in health.current[0].sentence
    assert told(health, series(28, 40, augment_p=0.76)) == []  # neither bad nor fine
    assert [a.kind for a in health.current] == ["ada_bound"]
    health.observe(fine(44, augment_p=0.74))
    assert health.current == []


def test_a_low_bound_is_a_bound() -> None:
    health = Health(augment="ada", ada_max=0.3)
    assert told(health, series(4, 24, augment_p=0.3)) == [("ada_bound", 24.0)]


def test_collapse() -> None:
    ticks = series(4, 100) + series(104, 124, variety=1.4)
    assert told(Health(), ticks) == [("collapse", 124.0)]
    text = sentence(Health(), ticks)
    assert "variety 1.4, once 3" in text
    assert "--transfer" in text
    assert told(Health(), series(4, 100) + series(104, 200, variety=1.9)) == []
    noisy_start = series(4, 16, variety=9.0) + series(20, 100)
    assert told(Health(), noisy_start) == []


def test_variety_may_be_rare() -> None:
    ticks = [t if t["kimg"] % 40 == 0 else t | {"variety": None} for t in series(4, 80)]
    late = [
        t if t["kimg"] % 40 == 0 else t | {"variety": math.nan}
        for t in series(84, 240, variety=1.0)
    ]
    assert told(Health(), ticks + late) == [("collapse", 200.0)]  # seen at 120, 160 and 200


@pytest.mark.parametrize(
    ("name", "norm", "kind"),
    [
        ("grad_norm_g", 0.5 * 100, "exploding_g"),
        ("grad_norm_d", 5.0 * 100, "exploding_d"),
        ("grad_norm_g", 0.5 / 10000, "vanishing_g"),
        ("grad_norm_d", 5.0 / 10000, "vanishing_d"),
        ("grad_norm_g", 0.0, "vanishing_g"),
    ],
)
def test_gradients(name: str, norm: float, kind: str) -> None:
    assert told(Health(), series(4, 100) + series(104, 124, **{name: norm})) == [(kind, 124.0)]


def test_gradients_may_waver_and_settle_elsewhere() -> None:
    wavering = [fine(k, grad_norm_g=0.5 * (15.0 if k % 8 else 0.1)) for k in range(104, 400, 4)]
    assert told(Health(), series(4, 100) + wavering) == []
    # 30 times as large: 63 % of the way, in the logarithm, is "usual" 100 kimg later
    health = Health()
    told(health, series(4, 100) + series(104, 600, grad_norm_g=15.0))
    assert health.current == []


def test_losses_that_say_nothing() -> None:
    certain = series(24, 44, loss_d=0.004, loss_g=8.0)
    assert told(Health(), certain) == [("saturated", 44.0)]
    assert told(Health(), series(24, 44, loss_d=0.004, loss_g=8.0, **OVERFIT)) == [
        ("overfitting", 44.0)
    ]
    blind = series(24, 44, loss_d=1.386, loss_g=0.693, signs_real=0.01, signs_fake=-0.01)
    assert told(Health(), blind) == [("blind", 44.0)]
    assert "a tenth of --gamma" in sentence(Health(), blind)
    better = [t | {"fid": 100.0 - t["kimg"]} for t in blind]
    assert told(Health(), better) == []


def test_learning_stalls() -> None:
    fids = [(k, 50.0 - k / 20 if k <= 400 else 30.0 + k % 3) for k in range(50, 1001, 50)]
    ticks = [fine(k, fid=fid) for k, fid in fids]
    # the best, 30, at 400; 500 kimg later is 900, with ten worse values
    assert told(Health(), ticks) == [("stalled", 900.0)]
    text = sentence(Health(), ticks)
    assert "fid has hardly been better than 30 since 400 kimg" in text
    assert "half --lr" in text
    assert "--augment ada" in sentence(Health(), [t | {"signs_real": 0.8} for t in ticks])
    remedy = sentence(Health(augment="ada"), [t | {"signs_real": 0.8} for t in ticks])
    assert remedy.endswith("or add images")


def test_old_runs_may_take_longer_and_slow_ones_are_not_stalled() -> None:
    # 0.3 % less every 100 kimg: 1 % takes four values, 400 kimg
    slow = [fine(k, fid=30.0 * 0.997 ** (k / 100)) for k in range(100, 2001, 100)]
    assert told(Health(), slow) == []
    # 0.1 % less: 1 % would take eleven; 500 kimg are over at 600
    slower = [fine(k, fid=30.0 * 0.999 ** (k / 100)) for k in range(100, 601, 100)]
    assert told(Health(), slower) == [("stalled", 600.0)]
    old = [fine(k, fid=30.0 if k == 4000 else 31.0) for k in range(4000, 5501, 100)]
    # a quarter of the run: x = (4000 + x) / 4, so x = 1333
    assert told(Health(), old) == [("stalled", 5400.0)]


def test_one_metric_that_improves_is_enough() -> None:
    ticks = [fine(k, fid=30.0, kid=1.0 / k) for k in range(100, 3001, 100)]
    assert told(Health(), ticks) == []
    rising = [fine(k, fid=30.0, recall=k / 4000) for k in range(100, 3001, 100)]
    assert told(Health(), rising) == []


def test_skipped_steps_are_told_at_once_and_counted() -> None:
    health = Health()
    assert told(health, [fine(4), fine(8, steps_skipped=1)]) == [("skipped", 8.0)]
    assert health.current[0].sentence.startswith("1 step was skipped")
    assert told(health, [fine(12, steps_skipped=1)]) == []
    assert health.current == []
    assert told(health, [fine(100, steps_skipped=3), fine(104, steps_skipped=3)]) == []
    assert told(health, [fine(300, steps_skipped=6)]) == [("skipped", 300.0)]
    assert health.current[0].sentence.startswith("5 steps were skipped")
    assert "--lr" in health.current[0].sentence


def test_waiting_for_images() -> None:
    ticks = series(4, 24, data_wait_sec=3.0)
    assert told(Health(), ticks) == [("data_wait", 24.0)]
    text = sentence(Health(), ticks)
    assert text.startswith("30 % of the time")
    assert "stylegen data build" in text
    assert told(Health(), series(4, 100, data_wait_sec=1.5)) == []


def test_growing_begins_a_new_warm_up() -> None:
    grown = series(104, 120, resolution=16, variety=1.0, grad_norm_g=500.0, **OVERFIT)
    assert told(Health(), series(4, 100, resolution=8) + grown + series(124, 200, resolution=16)) \
        == []  # fmt: skip


def test_a_rolled_back_run_is_judged_anew() -> None:
    ticks = series(24, 40, **OVERFIT) + series(8, 24) + series(28, 44, **OVERFIT)
    assert told(Health(), ticks) == []


def test_a_resumed_monitor_goes_on_exactly() -> None:
    ticks = (
        series(4, 36, fid=30.0)
        + series(40, 200, grad_norm_d=3000.0, steps_skipped=3, **OVERFIT)
        + series(204, 700, variety=1.0, resolution=32, augment_p=0.85, fid=31.0)
    )
    whole = Health()
    expected = [whole.observe(t) for t in ticks]
    assert len({a.kind for advice in expected for a in advice}) >= 4
    for cut in range(0, len(ticks), 7):
        first, second = Health(), Health()
        actual = [first.observe(t) for t in ticks[:cut]]
        second.load(json.loads(json.dumps(first.state())))
        actual += [second.observe(t) for t in ticks[cut:]]
        assert actual == expected
        assert second.state() == whole.state()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"watches": {"a": {"sinse": 1}}},
        {"watches": {}, "usual": {}, "bests": {}, "numbers": {}},
        {**Health().state(), "numbers": {"begin": 0.0}},
    ],
)
def test_states_of_another_form(state: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="health"):
        Health().load(state)


def test_poor_ticks() -> None:
    assert Health().observe({"images_shown": 4000}) == []
    assert Health().observe({"kimg": 400.0, "loss_g": None, "loss_d": math.inf}) == []
    with pytest.raises(InputError, match="neither kimg nor images_shown"):
        Health().observe({"loss_g": 1.0})


def test_poor_configurations() -> None:
    with pytest.raises(InputError, match="real_sign_end is above real_sign"):
        HealthConfig(real_sign=0.5)
    with pytest.raises(InputError, match="warmup_kimg is -1"):
        HealthConfig(warmup_kimg=-1)
    with pytest.raises(InputError, match="wanted a number"):
        HealthConfig(wait=math.nan)


def test_advice_is_a_value() -> None:
    advice = Advice("collapse", "text", 4.0)
    assert advice == Advice(kind="collapse", sentence="text", kimg=4.0)
    with pytest.raises(AttributeError):
        advice.kind = "x"  # type: ignore[misc]


def test_every_sentence_is_one_and_names_a_flag() -> None:
    cases = [
        (None, OVERFIT), ("fixed", OVERFIT), ("ada", {"augment_p": 0.85, **OVERFIT}),
        ("ada", {"augment_p": 0.9}), (None, {"loss_d": 0.0}),
        (None, {"loss_d": 1.386, "loss_g": 0.693}), (None, {"data_wait_sec": 5.0}),
        (None, {"steps_skipped": 1}),
    ]  # fmt: skip
    for augment, changes in cases:
        health = Health(augment=augment, ada_max=0.95)
        told(health, [*series(24, 60, **changes), fine(64, **{**changes, "steps_skipped": 2})])
        assert health.current
        for advice in health.current:
            assert "--" in advice.sentence
            assert ". " not in advice.sentence
            assert "\n" not in advice.sentence


def test_what_a_watch_remembers() -> None:
    watch = Watch()
    for kimg in (1.0, 2.0, 3.0):
        watch.see(kimg, bad=kimg == 1.0, fine=False)
    assert (watch.since, watch.ticks) == (1.0, 3)
    assert watch.standing(3.0, 2.0, 3)
    assert not watch.standing(3.0, 2.0, 4)
    assert not watch.standing(3.0, 2.1, 3)
    assert [watch.due(k, 10.0) for k in (3.0, 12.9, 13.0)] == [True, False, True]


def test_what_is_usual() -> None:
    usual = Usual()
    assert usual.ratio(3.0) is None
    usual.follow(1.0, 0.0, 100.0)
    assert usual.ratio(30.0) == pytest.approx(30.0)
    usual.follow(100.0, 100.0, 100.0)
    assert usual.log10 == pytest.approx(2 * (1 - math.exp(-1)))


def test_what_is_better() -> None:
    best = Best()
    for kimg, value in enumerate((10.0, 9.95, 9.89, 9.8, 12.0)):
        best.see(value, kimg, lower=True, gain=0.01)
    assert (best.value, best.kimg, best.count) == (9.89, 2, 2)
    assert is_metric("fid")
    assert is_metric("fid50k_full")
    assert is_metric("metrics/kid")
    assert not is_metric("fidelity")
    assert is_metric("is")
    assert not is_metric("is_best")
    assert not is_metric("loss_g")
    assert lower_is_better("fd_squeezenet")
    assert not lower_is_better("precision")
    with pytest.raises(InputError, match="no metric"):
        lower_is_better("loss_g")


def test_it_needs_no_torch() -> None:
    code = "import sys, stylegen.training.health as h; h.Health(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
