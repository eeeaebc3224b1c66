"""The monitor of a run: one tick in, advice out."""

from typing import Any

from stylegen.errors import InputError
from stylegen.training.health import checks
from stylegen.training.health.checks import Augmentation, Finding
from stylegen.training.health.config import Advice, HealthConfig
from stylegen.training.health.watch import (
    Best,
    Usual,
    Watch,
    from_state,
    is_metric,
    lower_is_better,
    number,
    to_state,
)

_WHAT = "health"
_HELD_AT_ONCE = (0.0, 1)
_ONLY_ONE = {"saturated": "overfitting"}  # the same trouble: said once, by the plainer name
_REFUTED = ("saturated", "blind")  # by a metric that gets better nevertheless


class Health:
    """Watches a run's statistics and says in a sentence what goes wrong.

    Args:
        config: the thresholds.
        augment: "none", "fixed", "ada" or "diffaug"; None: "ada" once the statistics hold
            augment_p, else "none".
        ada_max: bound of ADA's p.

    Attributes:
        augment: as given; may be set before any tick, where a run's schedule changes it.
        current: everything that is wrong as of the last tick, told before or not.
    """

    def __init__(
        self, config: HealthConfig | None = None, augment: str | None = None, ada_max: float = 0.85
    ) -> None:
        self.config = config or HealthConfig()
        self.current: list[Advice] = []
        self.augment, self._ada_max = augment, ada_max
        self._watches: dict[str, Watch] = {}
        self._usual = {"g": Usual(), "d": Usual()}
        self._bests: dict[str, Best] = {}
        self._numbers = {"begin": 0.0, "variety": 0.0, "skipped": 0.0, "skipped_untold": 0.0}
        self._resolution: float | None = None

    def observe(self, tick: dict[str, Any]) -> list[Advice]:
        """Look at one tick.

        Args:
            tick: a line of stats.jsonl. Read if there: kimg (or images_shown), loss_g, loss_d,
                r_t or signs_real, signs_fake, augment_p, grad_norm_g, grad_norm_d, variety,
                steps_skipped (counted from the run's beginning), data_wait_sec, seconds_tick,
                resolution (a new one begins a new warm-up) and metrics such as fid. Missing
                values and those that are not finite leave what they concern as it is.

        Returns:
            New advice; the same kind only every ``repeat_kimg``.

        Raises:
            InputError: the tick has neither kimg nor images_shown.
        """
        kimg = self._kimg(tick)
        self._note_growth(tick, kimg)
        young = kimg - self._numbers["begin"] < self.config.warmup_kimg
        self.current = []
        for finding in self._findings({**tick, "kimg": kimg}, kimg, young):
            if not young or finding.young:
                self._judge(finding, kimg)
        kinds = {advice.kind for advice in self.current}
        self.current = [
            a
            for a in self.current
            if _ONLY_ONE.get(a.kind) not in kinds and not (a.kind in _REFUTED and self._learning(a))
        ]
        return [a for a in self.current if self._due(a)]

    def _kimg(self, tick: dict[str, Any]) -> float:
        kimg, shown = number(tick, "kimg"), number(tick, "images_shown")
        if kimg is None and shown is None:
            raise InputError("a tick has neither kimg nor images_shown")
        return kimg if kimg is not None else (shown or 0.0) / 1000

    def _note_growth(self, tick: dict[str, Any], kimg: float) -> None:
        """Begin a new warm-up where the networks have grown: nothing before compares."""
        resolution = number(tick, "resolution")
        if resolution is None:
            return
        if self._resolution is not None and resolution != self._resolution:
            self._numbers |= {"begin": kimg, "variety": 0.0}
            self._usual = {"g": Usual(), "d": Usual()}
            self._bests = {}
        self._resolution = resolution

    def _augmentation(self, tick: dict[str, Any]) -> Augmentation:
        kind = self.augment
        if kind is None:
            kind = "none" if number(tick, "augment_p") is None else "ada"
        return Augmentation(kind, self._ada_max)

    def _findings(self, tick: dict[str, Any], kimg: float, young: bool) -> list[Finding]:
        c, augment = self.config, self._augmentation(tick)
        found: list[Finding | None] = [
            checks.overfitting(c, tick, augment),
            checks.augmentation_bound(c, tick, augment),
            checks.collapse(c, tick, self._note_variety(tick, young)),
            *self._gradients(tick, kimg, young),
            *checks.losses(c, tick),
            *self._metrics(tick, kimg, augment),
            self._skipped(tick),
            checks.waiting(c, tick),
        ]
        return [f for f in found if f is not None]

    def _note_variety(self, tick: dict[str, Any], young: bool) -> float:
        """Return the greatest variety before this tick; a young run's noise does not count."""
        before = self._numbers["variety"]
        if not young:
            self._numbers["variety"] = max(before, number(tick, "variety") or 0.0)
        return before

    def _gradients(self, tick: dict[str, Any], kimg: float, young: bool) -> list[Finding]:
        found: list[Finding] = []
        for network, usual in self._usual.items():
            norm = number(tick, f"grad_norm_{network}")
            if norm is None or young:
                continue
            found += checks.gradient(self.config, tick, network, usual.ratio(norm))
            usual.follow(norm, kimg, self.config.usual_kimg)
        return found

    def _metrics(self, tick: dict[str, Any], kimg: float, augment: Augmentation) -> list[Finding]:
        """Follow every metric; only if all have stalled, learning has."""
        for name in tick:
            value = number(tick, name) if is_metric(name) else None
            if value is not None:
                best = self._bests.setdefault(name, Best())
                best.see(value, kimg, lower_is_better(name), self.config.stalled_gain)
        found = [
            checks.stalled(self.config, tick, augment, name, (best.value, best.kimg, best.count))
            for name, best in self._bests.items()
            if best.value is not None
        ]
        if not found:
            return []
        lively = [f for f in found if not f.bad]
        return [lively[0] if lively else found[0]]

    def _skipped(self, tick: dict[str, Any]) -> Finding | None:
        count = number(tick, "steps_skipped")
        if count is None:
            return None
        before, self._numbers["skipped"] = self._numbers["skipped"], count
        new = max(count - before, 0.0)
        self._numbers["skipped_untold"] += new
        untold = self._numbers["skipped_untold"] if new else 0.0
        return checks.skipped(untold)

    def _judge(self, finding: Finding, kimg: float) -> None:
        watch = self._watches.setdefault(finding.kind, Watch())
        watch.see(kimg, finding.bad, finding.fine)
        hold = _HELD_AT_ONCE if finding.at_once else (self.config.hold_kimg, self.config.hold_ticks)
        if watch.standing(kimg, *hold):
            self.current.append(Advice(finding.kind, finding.sentence, kimg))

    def _learning(self, advice: Advice) -> bool:
        """Tell whether a metric got better while the condition held."""
        since = self._watches[advice.kind].since
        return since is not None and any(best.kimg > since for best in self._bests.values())

    def _due(self, advice: Advice) -> bool:
        due = self._watches[advice.kind].due(advice.kimg, self.config.repeat_kimg)
        if due and advice.kind == "skipped":
            self._numbers["skipped_untold"] = 0.0
        return due

    def state(self) -> dict[str, Any]:
        """Return all that was observed, as plain values for JSON."""
        return {
            "watches": to_state(self._watches),
            "usual": to_state(self._usual),
            "bests": to_state(self._bests),
            "numbers": dict(self._numbers),
            "resolution": self._resolution,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`.

        Raises:
            InputError: it is of another form.
        """
        watches = from_state(Watch, state.get("watches"), _WHAT)
        usual = from_state(Usual, state.get("usual"), _WHAT)
        bests = from_state(Best, state.get("bests"), _WHAT)
        numbers, resolution = state.get("numbers"), state.get("resolution")
        if usual.keys() != self._usual.keys() or not isinstance(numbers, dict):
            raise InputError(f"{_WHAT}: not the state of a run's health")
        if numbers.keys() != self._numbers.keys():
            raise InputError(f"{_WHAT}: the state of another version")
        self._watches, self._usual, self._bests = watches, usual, bests
        self._numbers, self._resolution = dict(numbers), resolution
        self.current = []
