"""The sections of a report, gathered; and the names of all their parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from stylegen.errors import InputError
from stylegen.metrics.report_curves import ColourStatistics as ColourStatistics
from stylegen.metrics.report_curves import Estimate as Estimate
from stylegen.metrics.report_curves import FidAgainstN as FidAgainstN
from stylegen.metrics.report_curves import Histogram as Histogram
from stylegen.metrics.report_curves import ProtocolValue as ProtocolValue
from stylegen.metrics.report_curves import PsiPoint as PsiPoint
from stylegen.metrics.report_curves import PsiSweep as PsiSweep
from stylegen.metrics.report_curves import SnapshotPoint as SnapshotPoint
from stylegen.metrics.report_curves import Snapshots as Snapshots
from stylegen.metrics.report_curves import Spectrum as Spectrum
from stylegen.metrics.report_curves import count_between as count_between
from stylegen.metrics.report_curves import shared_edges as shared_edges
from stylegen.metrics.report_facts import BrokenFile as BrokenFile
from stylegen.metrics.report_facts import Classes as Classes
from stylegen.metrics.report_facts import ClassRow as ClassRow
from stylegen.metrics.report_facts import Floor as Floor
from stylegen.metrics.report_facts import Provenance as Provenance
from stylegen.metrics.report_facts import Sanity as Sanity
from stylegen.metrics.report_facts import SideSanity as SideSanity
from stylegen.metrics.report_pictures import BestWorst as BestWorst
from stylegen.metrics.report_pictures import LabelGrid as LabelGrid
from stylegen.metrics.report_pictures import Neighbour as Neighbour
from stylegen.metrics.report_pictures import NeighbourRow as NeighbourRow
from stylegen.metrics.report_pictures import Neighbours as Neighbours
from stylegen.metrics.report_pictures import PathLengths as PathLengths
from stylegen.metrics.report_pictures import Ranked as Ranked


@dataclass(frozen=True, kw_only=True)
class Sections:
    """Everything besides the headline numbers; None: not taken.

    Attributes:
        protocols: the same metrics as other protocols take them, the report's own first.
        fid_against_n: the distance against the number of samples.
        snapshots: the snapshots of a run.
        psi_sweep: metrics against truncation.
        label_grid: the same seeds in each class.
        neighbours: the memorisation audit.
        best_worst: samples by realism.
        missed: real images that the samples cover least, the worst first; scores are distances.
        classes: each class by itself.
        spectrum: of both sides.
        colour: by side: "a", "against".
        sanity: of the files.
        path_length: perceptual path length.
        provenance: where it all comes from.
        not_taken: {section's name: why it was not taken}, for those that are None; a section that
            is neither taken nor named here was not asked for.
    """

    protocols: tuple[ProtocolValue, ...] | None = None
    fid_against_n: FidAgainstN | None = None
    snapshots: Snapshots | None = None
    psi_sweep: PsiSweep | None = None
    label_grid: LabelGrid | None = None
    neighbours: Neighbours | None = None
    best_worst: BestWorst | None = None
    missed: Ranked | None = None
    classes: Classes | None = None
    spectrum: Spectrum | None = None
    colour: Mapping[str, ColourStatistics] | None = None
    sanity: Sanity | None = None
    path_length: PathLengths | None = None
    provenance: Provenance | None = None
    not_taken: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.not_taken) - set(SECTIONS)
        taken = {name for name in self.not_taken if getattr(self, name, None) is not None}
        if unknown or taken:
            raise InputError(
                f"not_taken names {', '.join(sorted(unknown | taken))}; wanted names of sections "
                f"that are None, of {', '.join(SECTIONS)}"
            )


SECTIONS = tuple(f.name for f in fields(Sections) if f.name != "not_taken")
