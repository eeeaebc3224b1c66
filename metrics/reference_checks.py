"""Whether a set can be compared with stored statistics, and what differs none the less."""

from dataclasses import replace

from stylegen.errors import InputError
from stylegen.metrics.protocols import Protocol, differences
from stylegen.metrics.references import Reference

_OF_REALS = ("network", "resize", "arithmetic", "mirror")


def _differences(here: Protocol, there: Protocol) -> list[str]:
    """Say what differs in how the real images are taken: nothing of a file was drawn."""
    alike = replace(there, **{name: getattr(here, name) for name in _OF_REALS})
    told = differences(alike, there)
    if there.reals is not None:
        told.append(
            f"The reference is of {there.reals:,} of its set's images: with few images FID is "
            "larger, up to twice as large with 1,000."
        )
    return told


def check_reference(
    reference: Reference, protocol: Protocol, dim: int, weights_digest: str
) -> list[str]:
    """Make sure that a set can be compared with a reference, and say where they differ.

    Args:
        reference: what is compared with.
        protocol: how the set's features are taken.
        dim: their width.
        weights_digest: sha256 of the feature network's weights.

    Returns:
        Sentences of what differs without making the comparison senseless, for the report.

    Raises:
        InputError: the widths, networks or weights differ, so that the features are not of one
            kind.
    """
    if reference.gaussian.dim != dim:
        raise InputError(
            f"the reference is of {reference.gaussian.dim} features and {protocol.network} gives "
            f"{dim}: take the network that it was made with"
        )
    theirs = reference.protocol
    if theirs is None:
        return list(reference.notes)
    if theirs.network != protocol.network:
        raise InputError(
            f"the reference is of the features of {theirs.network}, not of {protocol.network}: "
            "take that network, or make another reference"
        )
    if weights_digest != reference.weights_digest:
        raise InputError(
            f"the reference was taken with other weights of {protocol.network} (sha256 "
            f"{reference.weights_digest[:8]}...) than these ({weights_digest[:8]}...): name those, "
            "or make another reference"
        )
    return [*reference.notes, *_differences(protocol, theirs)]
