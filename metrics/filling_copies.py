"""The section of a report on copies of training images: the audit, and a gallery of its findings.

N samples, M training images, D feature width.
"""

from torch import Tensor

from stylegen.metrics.measuring import Pair
from stylegen.metrics.memorisation import MemorisationAudit, audit
from stylegen.metrics.neighbours import nearest
from stylegen.metrics.report_curves import Histogram, count_between, shared_edges
from stylegen.metrics.report_sections import Neighbour, NeighbourRow
from stylegen.metrics.report_sections import Neighbours as Section
from stylegen.metrics.sides import Side

ROWS, NEAREST = 12, 5


def audited(pair: Pair, held_out: Tensor | None) -> MemorisationAudit:
    """Audit the judged side's samples against the other side's images.

    Args:
        pair: both sides' features; mirrored ones of the other side are looked at, if it has them.
        held_out: (L, D) features of real images that were not trained on.

    Raises:
        InputError: there are too few images.
    """
    fake, train = pair.rows("memorisation")
    assert pair.against is not None
    mirrored = pair.against.mirrored
    return audit(
        fake,
        train,
        mirrored=None if mirrored is None else mirrored.to(fake.device),
        held_out=None if held_out is None else held_out.to(fake.device),
    )


def _row(found: MemorisationAudit, i: int, sides: tuple[Side, Side]) -> NeighbourRow:
    samples, training = sides
    indices = found.indices[i].tolist()
    names = training.names()
    images = training.picked(indices)
    flipped = found.mirrored[i].tolist()
    neighbours = tuple(
        Neighbour(
            name=names[j],
            image=image.flip(2) if flip else image,
            distance=float(distance),
            mirrored=flip,
        )
        for j, image, flip, distance in zip(
            indices, images, flipped, found.distances[i], strict=True
        )
    )
    return NeighbourRow(
        sample=samples.names()[i],
        image=samples.picked([i])[0],
        neighbours=neighbours,
        flagged=bool(found.flagged[i]),
    )


def _histograms(found: MemorisationAudit, train: Tensor) -> tuple[Histogram, ...]:
    """Return histograms of samples', training images' and, if there are any, held-out ones'."""
    by_held_out = found.calibration.by != "training images"
    others = found.calibration.distances.tolist()
    own = nearest(train, train).distances[:, 0].tolist() if by_held_out else others
    named = {"samples": found.distances[:, 0].tolist(), "training images": own}
    if by_held_out:
        named["held-out images"] = others
    edges = shared_edges(*named.values())
    return tuple(count_between(label, values, edges) for label, values in named.items())


def copies(pair: Pair, sides: tuple[Side, Side], held_out: Tensor | None = None) -> Section:
    """Return the section on copies.

    Args:
        pair: both sides' features.
        sides: the judged side and the other, for pictures.
        held_out: (L, D) features of real images that were not trained on.

    Raises:
        InputError: there are too few images.
    """
    found = audited(pair, held_out)
    histograms = _histograms(found, pair.rows("memorisation")[1])
    order = found.order[:ROWS].tolist()
    return Section(
        rows=tuple(_row(found, i, sides) for i in order),
        fake_to_train=histograms[0],
        train_to_train=histograms[1],
        held_out_to_train=histograms[2] if len(histograms) > 2 else None,
        space=f"{pair.features} features",
        samples=len(found.flagged),
        flagged=int(found.flagged.sum()),
        threshold=found.threshold,
        expected_share=found.expected,
        p_value=found.p_value,
        test=f"C_T (Meehan et al. 2020) {found.c_t:+.2f}; compared with {found.calibration.by}",
        auth_percent=100 * found.authentic,
        mirrored=pair.against is not None and pair.against.mirrored is not None,
        verdict=found.verdict,
        suspicious=found.finding == "copies",
        finding=found.finding,
    )
