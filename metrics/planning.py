"""From a configuration to a protocol: what is named, what is given besides, and what is usual."""

from dataclasses import dataclass, replace
from typing import Any

from stylegen.metrics.catalogue import ALL, METRICS
from stylegen.metrics.config import EvaluateConfig, named_metrics
from stylegen.metrics.protocols import PROTOCOLS, Protocol, differences, protocol
from stylegen.perceptual.names import Arithmetic, network_facts, resize_of
from stylegen.perceptual.several import FeatureKey

SAMPLES = 5000
OWN = "stylegen"  # what numbers without a named protocol are taken by
# float32 in channels_last: 1.5 times as fast, and the distance moves by less than 1e-6 of itself.
_ARITHMETIC: Arithmetic = "fast"
_SWEPT = ("psi_sweep",)  # takes metrics of features, though it is none
_OF_DRAWING = ("samples", "psi", "noise", "labels", "seed")
_SHARED = (*_OF_DRAWING, "reals")  # by all protocols that are taken of the same images


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How an evaluation is taken.

    Attributes:
        metrics: as they were named, "all" among them.
        name: of the headline's protocol; None: the numbers given, or the usual ones.
        protocol: the headline's, with what was given besides.
        others: further protocols that the same images are measured by, as they are taken.
    """

    metrics: tuple[str, ...]
    name: str | None
    protocol: Protocol
    others: dict[str, Protocol]

    @property
    def key(self) -> FeatureKey:
        """What tells the headline's features from others."""
        return feature_key(self.protocol)

    @property
    def keys(self) -> tuple[FeatureKey, ...]:
        """The features that are needed, the headline's first."""
        return tuple(dict.fromkeys([self.key, *map(feature_key, self.others.values())]))

    @property
    def takes_features(self) -> bool:
        """Whether any metric may need a feature network."""
        return any(m == ALL or m in _SWEPT or METRICS[m].of_features for m in self.metrics)

    def notes(self, *, drawn: bool) -> list[str]:
        """Say what is not as the named protocols have it.

        Args:
            drawn: a side is drawn, so that what concerns drawing matters.
        """
        taken = ({} if self.name is None else {self.name: self.protocol}) | self.others
        told = []
        for name, value in taken.items():
            known = PROTOCOLS[name]
            same = {} if drawn else {field: getattr(known, field) for field in _OF_DRAWING}
            told += [f"{name}, but: {s}" for s in differences(replace(value, **same), known)]
        return told


def feature_key(value: Protocol) -> FeatureKey:
    """Return what tells a protocol's features from others."""
    return FeatureKey(value.network, value.resize, value.arithmetic)


def usual_arithmetic(features: str) -> Arithmetic:
    """Return what a network computes in where nothing else is asked for."""
    return _ARITHMETIC if features == "inception" else "fp32"


def _usual(features: str) -> Protocol:
    return Protocol(
        network=features, resize=resize_of(features), arithmetic=usual_arithmetic(features),
        samples=SAMPLES,
    )  # fmt: skip


def _with_features(value: Protocol, features: str | None) -> Protocol:
    """Return a protocol in other features, resized as is usual with them."""
    if features is None or features == value.network:
        return value
    able = network_facts(features).resizes
    return replace(
        value,
        network=features,
        resize=value.resize if value.resize in able else resize_of(features),
    )


def _given(config: EvaluateConfig) -> dict[str, Any]:
    values = {
        "samples": config.samples, "psi": config.psi, "noise": config.noise, "seed": config.seed,
        "reals": config.max_images, "arithmetic": config.arithmetic,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def plan_of(config: EvaluateConfig) -> Plan:
    """Return how an evaluation is to be taken.

    Raises:
        InputError: a protocol, metric or network is unknown, or a number is out of range.
    """
    known = {name: protocol(name) for name in dict.fromkeys(config.protocols)}
    name = next(iter(known), None)
    features = config.features or (known[name].network if name else "inception")
    named = named_metrics(config, features)
    base = _usual(features) if name is None else _with_features(known[name], features)
    first = replace(base, **_given(config))
    drawn = {field: getattr(first, field) for field in _SHARED}
    others = {
        other: replace(_with_features(value, config.features), **drawn)
        for other, value in known.items()
        if other != name
    }
    return Plan(metrics=named, name=name, protocol=first, others=others)
