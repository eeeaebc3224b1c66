"""What ``stylegen directions apply`` writes: one picture, a folder of images, or a video."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegen.cli.direction_files import check_files, check_folder
from stylegen.cli.latent_options import unique_names
from stylegen.cli.options import Network, bar, check_picture, refuse_sources

if TYPE_CHECKING:
    from stylegen.editing.directions import Direction
    from stylegen.editing.latents import Latents


class Plan:
    """Which files will be written.

    Args:
        out: a file or a folder.
        stems: a name for each source.
        amounts: the strengths.
        is_video: frames are asked for.
        is_plane: two directions are.

    Attributes:
        folder: what they will lie in.
    """

    def __init__(
        self, out: Path, stems: list[str], amounts: list[float], is_video: bool, is_plane: bool
    ) -> None:
        self.out, self.is_video, self.amounts = out, is_video, amounts
        single = bool(out.suffix) and not out.is_dir()
        self.picture = out if single else out / ("plane.png" if is_plane else "strip.png")
        self.folder = out.parent if is_video else self.picture.parent
        self.images: list[tuple[Path, int, tuple[int, ...]]] = []
        if single or is_video:
            return
        count = range(len(amounts))
        places = [(i, j) for i in count for j in count] if is_plane else [(i,) for i in count]
        wanted = [(n, place) for n in range(len(stems)) for place in places]
        names = [
            stems[n] + "".join(f"{amounts[i]:+.2f}" for i in reversed(place)) for n, place in wanted
        ]
        for name, (n, place) in zip(unique_names(names), wanted, strict=True):
            self.images.append((out / f"{name}.png", n, place))

    def check(self, network: Network, sources: str, overwrite: bool, fps: str) -> None:
        """Make sure, before the work, that everything can be written.

        Raises:
            InputError: something exists, is one of the sources, cannot be written, or has a name
                whose format does not fit.
        """
        from stylegen.checkpoints import read_info
        from stylegen.images.video import check_video, replaced_by

        if self.is_video:
            refuse_sources(replaced_by(self.out), [sources], network)
            check_video(self.out, fps, overwrite)
            check_folder(self.out if self.out.is_dir() else self.out.parent)
            return
        files = [path for path, _, _ in self.images]
        files = [self.picture, *files, *(p.with_suffix(".npz") for p in files)]
        refuse_sources(files, [sources], network)
        check_files(files, overwrite)
        check_picture(self.picture, read_info(Path(network)).generator.img_channels)


def write_images(
    plan: Plan, generator: Any, latents: "Latents", chosen: "list[Direction]", noise: Any
) -> str:
    """Draw and write a strip or a plane; in a folder, also every image and its latent."""
    from stylegen.editing.directions import move, plane, strip
    from stylegen.images import make_grid, save_image

    amounts = plan.amounts
    if len(chosen) == 2:
        images = plane(generator, latents, chosen[0], chosen[1], amounts, noise=noise)
    else:
        images = strip(generator, latents, chosen[0], amounts, noise=noise)
    save_image(make_grid(images.flatten(0, -4), len(amounts)), plan.picture)
    for path, n, place in plan.images:
        save_image(images[(n, *place)], path)
        moved = latents[n]
        for direction, i in zip(chosen, reversed(place), strict=True):
            moved = move(generator, moved, direction, amounts[i])
        moved.save(path.with_suffix(".npz"))
    names = " across, ".join(direction.name for direction in chosen)
    return f"{plan.picture}: {len(latents)} sources, {len(amounts)} strengths of {names}"


def write_video(
    plan: Plan,
    generator: Any,
    latents: "Latents",
    direction: "Direction",
    ends: tuple[float, float],
    count: int,
    fps: str,
    noise: Any,
    overwrite: bool,
) -> str:
    """Draw and write a video from one strength to the other and back."""
    from stylegen.editing.directions import frames
    from stylegen.images.video import open_video

    with open_video(plan.out, fps, overwrite) as video, bar("drawing", "frame") as progress:
        for frame in frames(generator, latents, direction, *ends, count, noise=noise):
            video.add(frame)
            progress(video.count, count)
    notes = "".join(f"\n{note}" for note in video.notes)
    return f"{plan.out}: {video.count} frames, {len(latents)} sources, {direction.name}{notes}"
