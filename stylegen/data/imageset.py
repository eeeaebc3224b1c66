"""A set of images as tensors: labels, sizes, and what happens to broken files.

A file that cannot be decoded is skipped with its name and reason, never fatal:
- at opening, heads are read if sizes must agree; otherwise files are tried until one can be used;
- load_all decodes every file once and drops the broken ones for good;
- __getitem__ (streaming) gives the next usable image in place of a broken one, so that a run
  does not stop hours in.

N images, C channels, H rows and W columns of pixels.
"""

import functools
import io
import logging
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.data import Dataset

from stylegen.data.config import DataConfig
from stylegen.data.digests import content_digest
from stylegen.data.labels import LabelTable, require_labels
from stylegen.data.sizes import size_of, size_text
from stylegen.data.sources import Source, open_source
from stylegen.data.threads import Progress, in_chunks
from stylegen.errors import InputError
from stylegen.images import ImageReadError, fit, from_pil, parse_color, read_image, read_size
from stylegen.images.fitting import FILTERS
from stylegen.images.pixels import MODES

logger = logging.getLogger(__name__)


class ImageSet(Dataset[tuple[Tensor, int]]):
    """Images and labels by index; made by :func:`open_images`.

    Attributes:
        config: how the set is read.
        name: the folder's or zip's name without its suffix.
        names: the files' names, in order of index.
        height: H.
        width: W.
        channels: C.
        num_classes: 0 for a set read without labels.
        class_names: one name a class.
    """

    def __init__(self, config: DataConfig, source: Source, labels: LabelTable | None) -> None:
        self.config = config
        self.source = source
        path = source.path.resolve()
        self.name = path.name if path.is_dir() else path.stem
        self.names = source.names
        self.width, self.height = size_of(config.resolution) if config.resolution else (0, 0)
        self.channels = config.channels
        self.class_names = labels.class_names if labels else ()
        self.num_classes = len(self.class_names)
        self._label_of = labels.by_name if labels else {}
        self._broken: dict[str, str] = {}

    @property
    def resolution(self) -> int:
        """Side of the square images, in pixels.

        Raises:
            InputError: they are no squares; ``width`` and ``height`` give their size.
        """
        if self.width != self.height:
            size = size_text(self.width, self.height)
            raise InputError(
                f"The images in {self.source.path} are read at {size} pixels; squares are wanted "
                "here: name a side with --resolution."
            )
        return self.width

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """Name and reason of each file found broken so far, in this process."""
        return sorted(self._broken.items())

    @functools.cached_property
    def digest(self) -> str:
        """Sha256 over the files' names and contents, as hex; the same wherever the set lies."""
        return content_digest(self.source)

    @property
    def labels(self) -> Tensor:
        """Class of each image, int64 (N,), zeros for an unlabelled set; nothing is decoded."""
        return torch.tensor([self._label_of.get(n, 0) for n in self.names], dtype=torch.int64)

    @property
    def num_bytes(self) -> int:
        """Memory that load_all's images take, in bytes."""
        return len(self) * self.channels * self.height * self.width

    def __len__(self) -> int:
        return len(self.names)

    def decode(self, name: str) -> Tensor:
        """Decode one file by name to uint8 (C, H, W).

        Raises:
            ImageReadError: it is broken.
        """
        image = read_image(
            io.BytesIO(self.source.read(name)), self.channels, self.config.background
        )
        return from_pil(fit(image, self.width, self.height, self.config.filter))

    def skip(self, name: str, reason: str) -> bool:
        """Note a broken file, once; return whether it was not known."""
        if name in self._broken:
            return False
        self._broken[name] = reason
        logger.info("skipped %s: %s", name, reason)
        return True

    def drop_broken(self) -> None:
        """Forget the files found broken; indices of those behind them move up.

        Raises:
            InputError: no usable image is left.
        """
        kept = tuple(name for name in self.names if name not in self._broken)
        if not kept:
            name, reason = self.skipped[0]
            raise InputError(
                f"None of the {len(self.names)} images in {self.source.path} can be used "
                f"({name}: {reason}); mend the files or give another set."
            )
        self.names = kept

    def take(self, index: int) -> tuple[Tensor, int, list[tuple[str, str]]]:
        """Decode the image at an index, or the next usable one if it is broken.

        Returns:
            uint8 (C, H, W), the class, and (name, reason) of each file newly found broken.

        Raises:
            IndexError: there is no such index.
            InputError: no image can be read any more.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} of a set of {len(self)} images")
        passed: list[tuple[str, str]] = []
        for step in range(len(self)):
            name = self.names[(index + step) % len(self)]
            if name in self._broken:
                continue
            try:
                return self.decode(name), self._label_of.get(name, 0), passed
            except ImageReadError as error:
                self.skip(name, str(error))
                passed.append((name, str(error)))
        raise InputError(f"No image of {self.source.path} can be read any more; is it still there?")

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return uint8 (C, H, W) and the class; the next usable image if this one is broken."""
        pixels, label, passed = self.take(index)
        for name, reason in passed:
            logger.warning("%s cannot be read (%s): took the next image", name, reason)
        return pixels, label

    def _decode_into(self, images: Tensor, indices: range) -> list[tuple[str, str]]:
        broken = []
        for i in indices:
            try:
                images[i] = self.decode(self.names[i])
            except ImageReadError as error:
                broken.append((self.names[i], str(error)))
        return broken

    def load_all(self, progress: Progress | None = None) -> tuple[Tensor, Tensor]:
        """Decode every file once, in threads; broken ones are dropped and len() shrinks.

        Args:
            progress: called with (files done, files in all) now and then.

        Returns:
            images uint8 (N, C, H, W) and labels int64 (N,).

        Raises:
            InputError: no file can be used.
        """
        before, shape = self.names, (len(self), self.channels, self.height, self.width)
        images = torch.empty(shape, dtype=torch.uint8)
        job = functools.partial(self._decode_into, images)
        for broken in in_chunks(job, len(self), progress):
            for name, reason in broken:
                self.skip(name, reason)
        self.drop_broken()
        if len(self.names) < len(before):
            images = images[[i for i, name in enumerate(before) if name not in self._broken]]
        return images, self.labels


def _check(config: DataConfig) -> None:
    if config.resolution is not None:
        size_of(config.resolution)
    if config.channels not in MODES:
        raise InputError(f"Images have 1, 2, 3 or 4 channels, not {config.channels}.")
    if config.filter not in FILTERS:
        raise InputError(
            f"The filter should be one of {', '.join(FILTERS)}, not {config.filter!r}."
        )
    parse_color(config.background)


def _keep_if(images: ImageSet, usable: Callable[[str], bool]) -> None:
    """Try files in order until one is usable; note those that are broken."""
    for name in images.names:
        try:
            if usable(name):
                break
        except ImageReadError as error:
            images.skip(name, str(error))
    images.drop_broken()


def _decodes(images: ImageSet, name: str) -> bool:
    images.decode(name)
    return True


def _agree_on_size(images: ImageSet) -> None:
    """Find the one size of all images from their heads."""
    found: dict[tuple[int, int], str] = {}

    def note(name: str) -> bool:
        found.setdefault(read_size(io.BytesIO(images.source.read(name))), name)
        return len(found) > 1

    _keep_if(images, note)
    if len(found) > 1:
        shown = " and ".join(f"{w}x{h} ({name})" for (w, h), name in found.items())
        raise InputError(
            f"The images in {images.source.path} differ in size: {shown}; give --resolution to "
            "crop and resize them."
        )
    ((images.width, images.height),) = found


def open_images(config: DataConfig) -> ImageSet:
    """Open a folder or zip of images.

    Raises:
        InputError: a wrong setting; nothing at the path; neither folder nor zip; a corrupt zip;
            no image, or none that can be read; differing sizes and no resolution;
            labels wanted and none or wrong ones found; a broken dataset.json or labels.csv.
        OSError: the folder or zip may not be read.
    """
    _check(config)
    source = open_source(config.path)
    images = ImageSet(config, source, require_labels(source) if config.labels else None)
    if config.resolution is None:
        _agree_on_size(images)
    _keep_if(images, functools.partial(_decodes, images))
    return images
