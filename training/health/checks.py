"""What is looked at in each tick, condition by condition.

A check reads one tick and returns what it finds, or None where the tick lacks what it needs. It
judges only this tick; how long a condition has to hold is the monitor's matter.

Source: r_t, its meaning and its target of 0.6: Karras et al. 2020 (ADA), section 3.1; a D that
cannot tell real from fake has the losses 2 ln 2 and ln 2: Goodfellow et al. 2014, section 4.1.
"""

import math
from dataclasses import dataclass
from typing import Any

from stylegen.training.health.config import HealthConfig
from stylegen.training.health.watch import number

_NAMES = {"g": "generator", "d": "discriminator"}
_SLACK = 0.005  # p moves in small steps and is a mean over a tick
_NOTHING = 1e-8  # Adam's eps: gradients below it move no weight


@dataclass(frozen=True)
class Finding:
    """One condition in one tick.

    Attributes:
        kind: which.
        bad: past the threshold at which it begins.
        fine: past the milder one at which it ends.
        sentence: what to say if it holds.
        young: whether it counts before the warm-up is over.
        at_once: whether one tick is enough.
    """

    kind: str
    bad: bool
    fine: bool
    sentence: str
    young: bool = False
    at_once: bool = False


@dataclass(frozen=True)
class Augmentation:
    """How a run augments.

    Attributes:
        kind: "none", "fixed", "ada" or "diffaug".
        p_max: bound of ADA's p.
    """

    kind: str
    p_max: float

    def may_grow(self, p: float) -> bool:
        """Tell whether ADA can still answer overfitting by itself."""
        return self.kind == "ada" and p < self.p_max - _SLACK


def overfitting(c: HealthConfig, tick: dict[str, Any], augment: Augmentation) -> Finding | None:
    """D is sure of nearly every training image and of nearly every fake."""
    r_t, fakes = number(tick, "r_t"), number(tick, "signs_fake")
    r_t = number(tick, "signs_real") if r_t is None else r_t
    if r_t is None or fakes is None:
        return None
    p = number(tick, "augment_p") or 0.0
    seen = f"the discriminator is sure of nearly every training image (r_t {r_t:.2f})"
    if augment.kind == "none":
        text = f"{seen}: it overfits; go on with --resume and --augment ada, or add images"
    elif augment.kind == "ada":
        text = f"{seen} although augmentation is at its bound (p {p:.2f}): add images or double"
        text += " --gamma"
    else:
        text = f"{seen} in spite of --augment {augment.kind}: take --augment ada, or add images"
    return Finding(
        "overfitting",
        bad=r_t >= c.real_sign and fakes <= c.fake_sign and not augment.may_grow(p),
        fine=r_t < c.real_sign_end or fakes > c.fake_sign_end or augment.may_grow(p),
        sentence=text,
    )


def augmentation_bound(
    c: HealthConfig, tick: dict[str, Any], augment: Augmentation
) -> Finding | None:
    """ADA's p has reached its bound, or what leaks into the images."""
    p = number(tick, "augment_p")
    if p is None or augment.kind != "ada":
        return None
    start = min(augment.p_max, c.leak_p) - _SLACK
    if p >= augment.p_max - _SLACK:
        text = f"augmentation stands at its bound (p {p:.2f}, --ada-max {augment.p_max:g}): there"
        text += " are too few images; add some or take --xflip, and do not raise --ada-max, which"
        text += f" leaks augmentations into the samples above {c.leak_p:g}"
    else:
        text = f"augmentation is so strong (p {p:.2f}) that it leaks into the samples: lower"
        text += f" --ada-max to {c.leak_p:g}, and add images or double --gamma"
    return Finding("ada_bound", bad=p >= start, fine=p < start - 0.05, sentence=text, young=True)


def collapse(c: HealthConfig, tick: dict[str, Any], largest: float) -> Finding | None:
    """The samples have come to look alike.

    Args:
        c: the thresholds.
        tick: statistics.
        largest: the greatest variety so far.
    """
    variety = number(tick, "variety")
    if variety is None or largest <= 0:
        return None
    share = variety / largest
    return Finding(
        "collapse",
        bad=share < c.collapse,
        fine=share > c.collapse_end,
        sentence=f"the samples look more and more alike (variety {variety:.3g}, once "
        f"{largest:.3g}): the generator collapses; begin again from a snapshot before "
        "it by --transfer, with double --gamma or half --lr",
    )


def gradient(
    c: HealthConfig, tick: dict[str, Any], network: str, ratio: float | None
) -> list[Finding]:
    """A network's gradients are far larger or smaller than they were.

    Args:
        c: the thresholds.
        tick: statistics.
        network: "g" or "d".
        ratio: the tick's norm as a multiple of the usual one; None: nothing is known yet.
    """
    norm = number(tick, f"grad_norm_{network}")
    if norm is None:
        return []
    ratio = 1.0 if ratio is None else ratio
    times = f"{ratio:.3g} times" if ratio >= 1 else f"1/{1 / max(ratio, 1e-300):.3g} of"
    seen = f"the {_NAMES[network]}'s gradients are {times} what they were (norm {norm:.3g})"
    return [
        Finding(
            f"exploding_{network}",
            bad=ratio >= c.explode,
            fine=ratio < c.explode_end,
            sentence=f"{seen}: begin again from a snapshot before that by --transfer, with half "
            "--lr" + (" or double --gamma" if network == "d" else ""),
        ),
        Finding(
            f"vanishing_{network}",
            bad=ratio <= c.vanish or norm < _NOTHING,
            fine=ratio > c.vanish_end and norm >= 10 * _NOTHING,
            sentence=f"{seen}: it learns nothing more; begin again from a snapshot before that by "
            "--transfer, with " + ("half --gamma" if network == "d" else "double --gamma"),
        ),
    ]


def losses(c: HealthConfig, tick: dict[str, Any]) -> list[Finding]:
    """D tells everything apart with certainty, or nothing at all."""
    loss_d, loss_g = number(tick, "loss_d"), number(tick, "loss_g")
    if loss_d is None or loss_g is None:
        return []
    from_blind = max(abs(loss_d - 2 * math.log(2)), abs(loss_g - math.log(2)))
    return [
        Finding(
            "saturated",
            bad=loss_d < c.saturated,
            fine=loss_d > c.saturated_end,
            sentence=f"the discriminator tells all fakes with certainty (loss_d {loss_d:.3g}), so "
            "the generator learns little: --resume with double --gamma",
        ),
        Finding(
            "blind",
            bad=from_blind < c.blind,
            fine=from_blind > c.blind_end,
            sentence="the discriminator cannot tell fakes from real images (loss_d "
            f"{loss_d:.3g}), so nothing is learned: --resume with a tenth of --gamma",
        ),
    ]


def stalled(
    c: HealthConfig,
    tick: dict[str, Any],
    augment: Augmentation,
    name: str,
    best: tuple[float, float, int],
) -> Finding:
    """A metric no longer gets better.

    Args:
        c: the thresholds.
        tick: statistics.
        augment: in force.
        name: the metric.
        best: its best value, at which kimg that was, and how many values came since.
    """
    value, at, count = best
    kimg = float(tick["kimg"])
    wanted = max(c.stalled_kimg, c.stalled_share * kimg)
    r_t = number(tick, "r_t") or number(tick, "signs_real") or 0.0
    more = "add images" if augment.kind == "ada" else "add images or --augment ada"
    remedy = more if r_t > 0.7 else "--resume with half --lr"
    return Finding(
        "stalled",
        bad=kimg - at >= wanted and count >= c.stalled_values,
        fine=count == 0,
        sentence=f"{name} has hardly been better than {value:.4g} since {at:,.0f} kimg: stop and "
        f"take that snapshot, or {remedy}",
        at_once=True,
    )


def skipped(count: float) -> Finding:
    """Steps were skipped because numbers were not finite.

    Args:
        count: since the last advice.
    """
    plural = "step was" if count == 1 else "steps were"
    return Finding(
        "skipped",
        bad=count > 0,
        fine=count == 0,
        sentence=f"{count:.0f} {plural} skipped because losses or gradients were not finite: "
        "halve --lr, or take --precision fp32",
        young=True,
        at_once=True,
    )


def waiting(c: HealthConfig, tick: dict[str, Any]) -> Finding | None:
    """The steps wait for images."""
    wait, whole = number(tick, "data_wait_sec"), number(tick, "seconds_tick")
    if wait is None or whole is None or whole <= 0:
        return None
    share = wait / whole
    return Finding(
        "data_wait",
        bad=share >= c.wait,
        fine=share < c.wait_end,
        sentence=f"{100 * share:.0f} % of the time goes into waiting for images: make a ready set "
        "once with `stylegen data build` at the training size and give it as --data, on a fast "
        "disk",
        young=True,
    )
