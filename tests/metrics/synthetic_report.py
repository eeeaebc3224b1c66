"""A report with every section filled by numbers and pictures that could be real ones."""

import dataclasses
import math
from typing import Any

import numpy as np
from torch import Tensor

from stylegen.data import synth_images
from stylegen.metrics.report import Metric, Report
from stylegen.metrics.report_sections import (
    BestWorst,
    BrokenFile,
    Classes,
    ClassRow,
    ColourStatistics,
    Estimate,
    FidAgainstN,
    Floor,
    Histogram,
    LabelGrid,
    Neighbour,
    NeighbourRow,
    Neighbours,
    PathLengths,
    ProtocolValue,
    Provenance,
    PsiPoint,
    PsiSweep,
    Ranked,
    Sanity,
    Sections,
    SideSanity,
    SnapshotPoint,
    Snapshots,
    Spectrum,
    count_between,
    shared_edges,
)
from stylegen.metrics.sides import Shown

DIGESTS = {name: name[0] * 2 + "c0ffee5eed" * 6 + "00" for name in ("a", "against", "weights")}


class Faces:
    """Pictures one after another, never the same twice, as many times as there are."""

    def __init__(self, count: int = 96, side: int = 32) -> None:
        self._images = synth_images(count, side, 5)[0]
        self._next = 0

    def __call__(self, count: int) -> Tensor:
        places = [(self._next + i) % len(self._images) for i in range(count)]
        self._next += count
        return self._images[places]


def _metrics(shift: float) -> dict[str, Metric]:
    images = {"a": 10_000, "against": 9_988}
    value, error = 12.34 + shift, 0.152
    stream = np.random.default_rng(2)
    shared = value - 0.9 + stream.normal(0, error * 10**0.5, 10)
    own = np.random.default_rng(abs(int(1000 * shift))).normal(0, 0.06, 10)
    pseudo = tuple(float(v) for v in shared + own)
    squared = "squared distance in feature space"
    return {
        "fid": Metric(
            name="FID", value=value, unit=squared, better="lower", images=images, error=error,
            error_kind="block jackknife over 10 blocks of samples", corrected=value - 0.91,
            interval=(value - 1.26, value - 0.57), pseudo_values=pseudo,
        ),
        "kid": Metric(
            name="KID", value=0.00431 + 3e-4 * shift, unit="squared distance", better="lower",
            images=images, error=0.00011, error_kind="jackknife over images",
            interval=(0.00409, 0.00453), std=0.0007, std_over="100 subsets of 1,000",
        ),
        "is": Metric(
            name="IS", value=5.812 - shift, better="higher",
            unit="effective number of classes, 1 to 1008",
            images={"a": 10_000}, std=0.071, std_over="10 splits",
        ),
        **{
            key: Metric(
                name=key.capitalize(), value=share - shift / 100, better="higher",
                unit="share of images, 0 to 1",
                images=images, error=0.0046, error_kind="binomial",
                interval=(share - 0.009, share + 0.009),
            )
            for key, share in (("precision", 0.7132), ("recall", 0.3871), ("coverage", 0.652))
        },
        "density": Metric(
            name="Density", value=math.inf, unit="1 is as dense as real images", better="higher",
            images=images, reason="Five real images are the same, so that their balls are empty.",
        ),
        "ppl_w": Metric(
            name="PPL (w)", value=143.7 - 10 * shift, unit="LPIPS", better="lower",
            images={"a": 10_000},
            error=1.9, error_kind="over samples", interval=(140.0, 147.4),
        ),
    }  # fmt: skip


def _protocol() -> dict[str, Any]:
    return {
        "name": "torch-fidelity", "network": "inception", "resize": "tf1", "arithmetic": "fp32",
        "quantisation": "truncated", "reals": None, "mirror": False, "samples": 10_000, "psi": 1.0,
        "noise": "random", "labels": "uniform", "seed": 0, "batch": 32,
        "covariance_divisor": "N - 1", "background": "white", "tf32": False,
    }  # fmt: skip


def _protocols() -> tuple[ProtocolValue, ...]:
    resize = "resize: {} instead of TensorFlow 1 bilinear, which moves FID by up to some per cent."
    return (
        ProtocolValue(name="torch-fidelity", metric="fid", value=12.34, error=0.152),
        ProtocolValue(
            name="fid50k_full", metric="fid", value=12.31, error=0.151,
            differences=(
                "covariance divisor: N instead of N - 1, which moves FID by about 0.01 at 10,000.",
                "samples: 10,000 instead of 50,000, so that this is not yet fid50k_full.",
            ),
        ),
        ProtocolValue(name="pytorch-fid", metric="fid", value=12.52, error=0.155,
                      differences=(resize.format("half-pixel bilinear"),)),
        ProtocolValue(name="clean", metric="fid", value=13.07, error=0.160,
                      differences=(resize.format("antialiased bicubic"),)),
    )  # fmt: skip


def _against_n() -> FidAgainstN:
    counts = tuple(range(3000, 10_001, 500))
    stream = np.random.default_rng(0)
    values = tuple(float(11.42 + 9_200 / n + stream.normal(0, 0.03)) for n in counts)
    return FidAgainstN(metric="fid", counts=counts, values=values, slope=9_200.0, intercept=11.42,
                       error=0.17, seed=0)  # fmt: skip


def _snapshots() -> Snapshots:
    points = []
    stream = np.random.default_rng(1)
    for i, kimg in enumerate((200, 400, 600, 800, 1000, 1200, 1400, 1600)):
        fid = 12.3 + 80 * math.exp(-kimg / 250) + (0.4 if kimg == 1600 else 0) + 0.1 * (i == 5)
        values = {
            "fid": Estimate(fid, 0.15 + 0.01 * fid),
            "kid": Estimate(fid * 3.5e-4, 1.1e-4),
            "precision": Estimate(0.5 + 0.22 * (1 - math.exp(-kimg / 400)), 0.0046),
            "recall": Estimate(0.12 + 0.00018 * kimg - (0.02 if i == 7 else 0), 0.0048),
        }
        points.append(SnapshotPoint(
            kimg=kimg, file=f"snapshot-{kimg:06d}.safetensors", values=values,
            z_from_best=None if i == 6 else float(abs(fid - 12.6) / 0.2),
            z_from_previous=None if i == 0 else float(stream.normal(-2, 1)),
        ))  # fmt: skip
    return Snapshots(metric="fid", points=tuple(points), best=6, tied=(5, 7))


def _psi(faces: Faces) -> PsiSweep:
    points = tuple(
        PsiPoint(psi=psi, values={
            "fid": Estimate(12.3 + 70 * (1 - psi) ** 2, 0.2),
            "precision": Estimate(0.71 + 0.25 * (1 - psi), 0.005),
            "recall": Estimate(0.39 * psi**2, 0.004),
        })
        for psi in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    )  # fmt: skip
    rows = tuple(
        Shown(faces(8), [f"seed {i}, psi {psi}" for i in range(8)], f"Seeds 0 to 7 at psi {psi}.")
        for psi in (0.5, 0.7, 1.0)
    )
    return PsiSweep(metric="fid", points=points, samples=2000, shown=rows)


def _neighbours(faces: Faces, suspicious: bool) -> Neighbours:
    stream = np.random.default_rng(3)
    fake = stream.gamma(14, 0.55, 2000) + 1.5
    if suspicious:
        fake[:400] *= 0.2
    train, held = stream.gamma(16, 0.5, 5000) + 1.4, stream.gamma(16, 0.51, 500) + 1.4
    edges = shared_edges(fake, train, held)
    rows = []
    for i in range(8):
        near = faces(5)
        found = tuple(
            Neighbour(name=f"train/{i}{j}.png", image=near[j], distance=2.1 + 0.4 * i + 0.2 * j,
                      mirrored=j == 1)
            for j in range(5)
        )  # fmt: skip
        flagged = suspicious and i < 3
        image = near[0] if flagged else faces(1)[0]
        rows.append(NeighbourRow(sample=f"seed {i * 37}", image=image, neighbours=found,
                                 flagged=flagged))  # fmt: skip
    said = "are farther from the training images than held-out images are"
    return Neighbours(
        rows=tuple(rows),
        fake_to_train=count_between("samples to training images", fake, edges),
        train_to_train=count_between("training images to each other", train, edges),
        held_out_to_train=count_between("held-out images to training images", held, edges),
        space="VGG16 features, Euclidean", samples=2000, flagged=402 if suspicious else 4,
        threshold=3.4, expected_share=0.001, p_value=1e-9 if suspicious else 0.41,
        test="Mann-Whitney against held-out images, z = 0.23", auth_percent=61.3,
        verdict="402 of 2,000 samples are nearly training images." if suspicious
        else f"The samples {said}, and 4 flags in 2,000 are within chance.",
        suspicious=suspicious,
    )  # fmt: skip


def _ranked(faces: Faces, label: str, scores: tuple[float, ...], about: str) -> Ranked:
    labels = tuple(f"{label} {i}" for i in range(len(scores)))
    return Ranked(images=faces(len(scores)), labels=labels, scores=scores, about=about)


def _classes() -> Classes:
    names = ("aeroplane", "bird", "cat", "deer", "a class of a very long name indeed", "ship")
    rows = [
        ClassRow(name=name, images={"a": 1666, "against": 1650 - 310 * i}, distance=21.0 + 7.7 * i,
                 precision=0.71 - 0.03 * i, recall=0.4 - 0.04 * i, error=0.4 + 0.1 * i,
                 small=i > 4)
        for i, name in enumerate(names)
    ]  # fmt: skip
    rows.append(ClassRow(name="truck", images={"a": 3, "against": 1}, small=True))
    return Classes(metric="FID", rows=tuple(rows), about="Fewer than 500 images count as few.")


def _spectrum() -> Spectrum:
    f = [i / 64 for i in range(1, 33)]
    real = tuple(3e4 * x**-2.1 for x in f)
    fake = tuple(p * math.exp(-1.5 * x) * (2.2 if i == 31 else 1) for i, (x, p) in
                 enumerate(zip(f, real, strict=True)))  # fmt: skip
    return Spectrum(frequency_cycles_per_px=tuple(f), power={"a": fake, "against": real})


def _colour() -> dict[str, ColourStatistics]:
    stream = np.random.default_rng(5)
    edges = tuple(np.linspace(0, 255, 33))

    def side(label: str, mean: float) -> ColourStatistics:
        values = np.clip(stream.normal(mean, 34, 4000), 0, 255)
        return ColourStatistics(
            channels=("red", "green", "blue"), mean=(mean, mean - 9.3, mean - 14.9),
            sd=(61.2, 58.8, 60.1), brightness=count_between(label, values, edges),
        )  # fmt: skip

    return {"a": side("evaluated", 131.0), "against": side("compared with", 127.0)}


def _sanity() -> Sanity:
    reals = SideSanity(
        files=10_000, duplicates=12, near_duplicates=41, grey_share=0.0123,
        sizes={"64x64": 9_960, "72x64": 40}, codecs={"PNG": 9_000, "JPEG": 1_000},
        modes={"RGB": 9_876, "L": 124}, resize_filter="Lanczos (ringing at edges)",
        broken=tuple(BrokenFile(name=f"broken-{i}.png", reason="cut off") for i in range(12)),
    )  # fmt: skip
    floor = Floor(metric="fid", value=3.21, error=0.04, images=4_994)
    return Sanity(sides={"against": reals}, floor=floor)


def _path_length(faces: Faces) -> PathLengths:
    values = np.random.default_rng(6).gamma(2.2, 65, 9800)
    return PathLengths(
        value=143.7, error=1.9, samples=10_000, kept=9_800, space="w", sampling="end", epsilon=1e-4,
        distance="LPIPS, VGG16", histogram=count_between("samples", values, shared_edges(values)),
        strip=Shown(faces(10), [f"step {i}" for i in range(10)], "From seed 3 to seed 8 in w."),
    )  # fmt: skip


def _provenance() -> Provenance:
    return Provenance(
        command="stylegen evaluate runs/00003-faces --against faces64.zip --metrics all "
        "--out report/",
        checkpoint_sha256=DIGESTS["a"], kimg=1400.0, ema="half-life 10 kimg",
        dataset_sha256=DIGESTS["against"], git_commit="e00d9ac0ffee", git_dirty=False,
        peak_memory_bytes=1_234_567_890,
    )  # fmt: skip


def _sections(faces: Faces, suspicious: bool) -> Sections:
    grid = LabelGrid(names=("cat", "dog", "a long name of a class"), about="Seeds 0 to 7, psi 1.",
                     images=faces(24).unflatten(0, (3, 8)))  # fmt: skip
    high, low = tuple(1.9 - 0.04 * i for i in range(16)), tuple(0.11 + 0.01 * i for i in range(16))
    of = "Of 2,000 samples, in VGG16 features."
    return Sections(
        protocols=_protocols(), fid_against_n=_against_n(), snapshots=_snapshots(),
        psi_sweep=_psi(faces), label_grid=grid, neighbours=_neighbours(faces, suspicious),
        best_worst=BestWorst(best=_ranked(faces, "seed", high, of),
                             worst=_ranked(faces, "seed", low, of)),
        missed=_ranked(faces, "real", tuple(9.1 - 0.2 * i for i in range(16)), of),
        classes=_classes(), spectrum=_spectrum(), colour=_colour(), sanity=_sanity(),
        path_length=_path_length(faces), provenance=_provenance(),
    )  # fmt: skip


def full_report(*, shift: float = 0.0, suspicious: bool = False, **changes: Any) -> Report:
    """A report with every section; metrics are moved with ``shift``, and its fields replaced."""
    faces = Faces()
    shown = {
        "a": Shown(faces(32), [f"seed {i}" for i in range(32)],
                   "Seeds 0 to 31 at psi 1 with the stored noise; not selected."),
        "against": Shown(faces(32), [f"{i:05d}.png" for i in range(32)],
                         "32 of 9,988 images, evenly spaced in order of name."),
    }  # fmt: skip
    report = Report(
        metrics=_metrics(shift),
        protocol=_protocol(),
        features={"name": "inception", "distance": "FID", "dim": 2048,
                  "weights_sha256": DIGESTS["weights"]},
        sides={
            "a": {"kind": "snapshot", "path": "runs/00003-faces/snapshot-001400.safetensors",
                  "sha256": DIGESTS["a"], "resolution_px": 64, "channels": 3, "kimg": 1400.0,
                  "images": 10_000},
            "against": {"kind": "images", "path": "faces64.zip", "sha256": DIGESTS["against"],
                        "resolution_px": 64, "channels": 3, "background": "white",
                        "resize": "centre crop and lanczos, where the size differs",
                        "skipped": [], "images": 9_988},
        },
        notes=("FID of 10,000 samples is larger than that of 50,000: compare it only with others "
               "of 10,000, or by the value for infinitely many samples.",
               "Side against: 12 unreadable files were left out."),
        seconds={"open": 0.4, "extract a": 812.3, "extract against": 799.1, "measure": 14.2},
        environment={"stylegen": "0.1.0", "torch": "2.15.0", "numpy": "2.4.6", "python": "3.11.7",
                     "platform": "Linux-6.1-x86_64", "device": "cpu", "threads": 2},
        created="2026-01-02T03:04:05+00:00",
        shown=shown,
        draws="seed 0, 10,000 latents, uniform classes, noise random",
        sections=_sections(faces, suspicious),
    )  # fmt: skip
    return dataclasses.replace(report, **changes)


def histogram(label: str = "x") -> Histogram:
    return count_between(label, [1.0, 2.0, 2.5], [1.0, 2.0, 3.0])
