"""How an evaluation's numbers were taken, and what a reader should know before citing one."""

from collections.abc import Iterator, Mapping
from typing import Any

from stylegen.configs import to_dict
from stylegen.metrics.assembling import Findings
from stylegen.metrics.catalogue import MANIFOLD, PATH_LENGTHS, metric_title
from stylegen.metrics.infinity import IMAGES_PER_DIMENSION, is_enough
from stylegen.metrics.kernel import SUBSET_SEED, SUBSET_SIZE, SUBSETS, subset_size
from stylegen.metrics.path_length import EPSILON
from stylegen.metrics.planning import OWN
from stylegen.metrics.score import SHUFFLE_SEED
from stylegen.metrics.sides import ImagesSide, Side
from stylegen.metrics.sides_drawn import SnapshotSide
from stylegen.metrics.sides_opening import other_seed
from stylegen.metrics.workplace import Workplace
from stylegen.perceptual.locating import published_notes
from stylegen.perceptual.lpips import TRUNK_WEIGHTS

_USUAL_IMAGES = 5000
_PUBLISHED = 50_000


def protocol_facts(
    work: Workplace, sides: Mapping[str, Side], wanted: tuple[str, ...], findings: Findings
) -> dict[str, Any]:
    """Return how the numbers were taken, as plain values."""
    config, protocol = work.config, work.plan.protocol
    kinds = {type(side) for side in sides.values()}
    facts: dict[str, Any] = {"name": work.plan.name or OWN, **to_dict(protocol)}
    facts["batch"] = config.batch
    if SnapshotSide not in kinds:
        for name in ("samples", "psi", "noise", "labels", "quantisation"):
            del facts[name]
    elif all(isinstance(side, SnapshotSide) for side in sides.values()) and len(sides) > 1:
        facts["seed_against"] = other_seed(protocol.seed)
    if not work.networks:
        for name in ("network", "resize", "arithmetic", "divisor"):
            del facts[name]
    if ImagesSide in kinds:
        facts["background"] = config.background
    if "kid" in wanted:
        facts |= {
            "kernel": "(x . y / D + 1)^3, unbiased",
            "kernel_subsets": SUBSETS,
            "kernel_subset_size_at_most": SUBSET_SIZE,
            "kernel_subset_seed": SUBSET_SEED,
        }
    if "is" in wanted:
        facts |= {
            "inception_score_splits": config.splits,
            "inception_score_shuffle_seed": SHUFFLE_SEED,
        }
    facts |= _perceptual_facts(work, wanted)
    if isinstance(findings.held_out, ImagesSide):
        facts["held_out_sha256"] = findings.held_out.images.digest
    return {**facts, "distances_in": "float64", "tf32": False}


def _perceptual_facts(work: Workplace, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Return how LPIPS and what is taken by it were taken."""
    walks = bool(set(PATH_LENGTHS) & set(wanted))
    if not walks and "lpips" not in wanted:
        return {}
    config = work.config
    facts: dict[str, Any] = {
        "lpips": config.lpips, "lpips_weights_sha256": work.lpips().weights_digest,
    }  # fmt: skip
    if walks:
        facts |= {
            "path_samples": config.path_samples, "path_epsilon": EPSILON, "crop": config.crop,
        }  # fmt: skip
    return facts


def _perceptual(work: Workplace, wanted: tuple[str, ...]) -> Iterator[str]:
    """Say whether LPIPS is the published one."""
    if not _perceptual_facts(work, wanted):
        return
    trunk = work.config.lpips
    names = TRUNK_WEIGHTS[trunk], f"lpips_{trunk}"
    for name, digest in zip(names, work.lpips().weights_digest.split("+"), strict=True):
        yield from published_notes(name, digest)


def _few(work: Workplace, counts: dict[str, int], wanted: tuple[str, ...]) -> Iterator[str]:
    """Say what few images mean for each metric."""
    network = work.networks[work.key]
    for name, count in counts.items():
        if "fid" in wanted and count <= network.dim:
            yield (
                f"Rank deficient: side {name} has {count:,} images for {network.dim:,} "
                "features. The distance is computed exactly but is biased upwards: compare it "
                "only with others of the same numbers of images."
            )
    if "fid_infinity" in wanted and not is_enough(counts["a"], network.dim):
        yield (
            f"{metric_title('fid_infinity', network.name)} may be far off, below 0 even, and no "
            f"error is given: side a has {counts['a']:,} images, and the line needs at least "
            f"{IMAGES_PER_DIMENSION * network.dim:,}, {IMAGES_PER_DIMENSION} for each feature."
        )
    if "kid" in wanted and len(counts) > 1:
        size = subset_size(*counts.values())
        if 2 * size > min(counts.values()):
            yield (
                f"{metric_title('kid', network.name)} is taken on {SUBSETS} subsets of {size:,}, "
                f"which share most of a side's {min(counts.values()):,} images: its ± is much too "
                "small."
            )
    if "is" in wanted and counts["a"] < _USUAL_IMAGES:
        yield (
            f"{metric_title('is', network.name)} of {counts['a']:,} images is biased downwards; "
            f"{_USUAL_IMAGES:,} or more are usual."
        )


def _comparable(
    work: Workplace, sides: Mapping[str, Side], wanted: tuple[str, ...]
) -> Iterator[str]:
    """Say what published numbers these do not compare with."""
    plan, features = work.plan, work.plan.protocol.network
    if (
        plan.name is None
        and "fid" in wanted
        and features == "inception"
        and isinstance(sides["a"], SnapshotSide)
        and plan.protocol.samples < _PUBLISHED
    ):
        yield (
            f"Published FID values are of {_PUBLISHED:,} samples, these of "
            f"{plan.protocol.samples:,}: --protocol fid50k_full takes them as the StyleGAN2 "
            "papers do."
        )
    if set(MANIFOLD) & set(wanted) and features != "vgg16":
        yield (
            f"Precision, recall, density and coverage are taken in the features of {features}; "
            "published ones are mostly of VGG-16: --features vgg16 takes them so."
        )
    if plan.protocol.psi != 1 and any(isinstance(side, SnapshotSide) for side in sides.values()):
        yield f"Truncation psi is {plan.protocol.psi:g}: published distances are taken at 1."


def _training(sides: Mapping[str, Side], wanted: tuple[str, ...]) -> Iterator[str]:
    """Say whether the other side's images are those of the training."""
    a, against = sides["a"], sides.get("against")
    if not (isinstance(a, SnapshotSide) and isinstance(against, ImagesSide)):
        return
    trained = a.info.provenance.get("data_digest")
    if "memorisation" in wanted and trained != against.images.digest:
        known = (
            "does not say what it was trained on"
            if trained is None
            else "was trained on a set of another content; these may be part of it"
        )
        yield (
            f"The snapshot {known}: whether it copies these images is tested, not whether it "
            "copies others of its training set."
        )
    read, told = against.images.config, a.info.provenance.get("data_filter")
    if trained == against.images.digest and told is not None and told != read.filter:
        yield (
            f"The images are resized by {read.filter} here, and by {told} in the snapshot's "
            "training: that alone can move FID by 1."
        )


def notes_of(
    work: Workplace, sides: Mapping[str, Side], wanted: tuple[str, ...],
    left_out: Mapping[str, str], findings: Findings,
) -> Iterator[str]:  # fmt: skip
    """Yield what a reader should know before citing a number."""
    if work.networks:
        yield from work.networks[work.key].notes
        yield from findings.reals.notes
        drawn = any(isinstance(side, SnapshotSide) for side in sides.values())
        yield from work.plan.notes(drawn=drawn)
        yield from _few(work, _counts(findings), wanted)
    for name, side in sides.items():
        if isinstance(side, ImagesSide) and side.images.skipped:
            yield f"Side {name}: {len(side.images.skipped):,} unreadable files were left out."
    if _are_one(findings):
        yield "Both sides are the same file or set: their distance shows chance alone."
    yield from _perceptual(work, wanted)
    yield from _comparable(work, sides, wanted)
    yield from _training(sides, wanted)
    if (paths := findings.paths) and work.config.lpips != "vgg":
        yield f"{', '.join(paths)}: published ones take LPIPS of VGG-16, not {work.config.lpips}."
    yield from (f"Not taken: {reason}." for reason in left_out.values())


def _are_one(findings: Findings) -> bool:
    """Tell whether both sides have one digest."""
    digests = [facts.get("sha256") for facts in findings.facts.values()]
    return len(digests) > 1 and digests[0] is not None and digests[0] == digests[1]


def _counts(findings: Findings) -> dict[str, int]:
    images = {name: facts.get("images") for name, facts in findings.facts.items()}
    return {name: count for name, count in images.items() if count is not None}
