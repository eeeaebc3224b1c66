"""The weights files there are: what they are called, whence they come, how they are told.

Free of torch. One file per network; it is looked for where the user says (a flag), where an
environment variable says, and in torch.hub's folder, where torch-fidelity and torchvision keep
theirs.

Source of names and digests: torch-fidelity 0.4.0, torchvision (whose names end in the beginning
of the sha256), OpenAI's CLIP (whose URLs hold the sha256), richzhang/PerceptualSimilarity.
"""

import dataclasses

from stylegen.errors import InputError
from stylegen.perceptual.names import NETWORKS

FLAG = "--features-weights"
_PREFIX = "STYLEGEN_WEIGHTS_"
_FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
_VISION = "https://download.pytorch.org/models/"
_CLIP = "https://openaipublic.azureedge.net/clip/models/"
_DINOV2 = "https://dl.fbaipublicfiles.com/dinov2/"
_LPIPS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weights:
    """A weights file, as it is published.

    Attributes:
        name: the network's, or the part's.
        file: what it is called on disk.
        url: where it is; None: nowhere that is known here.
        sha256: its digest, hexadecimal, or the beginning of it; empty: not known here.
        size_bytes: of the whole file; None: not known here.
        about: one line for people.
        flag: the option that names another file.
    """

    name: str
    file: str
    url: str | None
    sha256: str
    size_bytes: int | None
    about: str
    flag: str = FLAG

    @property
    def variable(self) -> str:
        """Name of the environment variable that names another file."""
        return _PREFIX + self.name.upper()

    @property
    def fetchable(self) -> bool:
        """Whether it can be downloaded and checked."""
        return self.url is not None and bool(self.sha256)


def _published(
    name: str, url: str, sha256: str, size_bytes: int | None, about: str, **more: str
) -> Weights:
    more.setdefault("file", url.rsplit("/", 1)[1])
    return Weights(
        name=name, url=url, sha256=sha256, size_bytes=size_bytes, about=about, **more
    )  # fmt: skip


_INCEPTION = _published(
    "inception",
    _FIDELITY + "weights-inception-2015-12-05-6726825d.pth",
    "6726825d",
    95_628_359,
    NETWORKS["inception"].about,
    flag="--inception-weights",
)
_SQUEEZENET = Weights(
    name="squeezenet",
    file="squeezenet1_1_caffe_features.pth",
    url=None,
    sha256="b0d81e9163497f171a106a698099fc0f96b640df51bd1ccf1bf5fcd7b0452f35",
    size_bytes=2_906_981,
    about=f"{NETWORKS['squeezenet'].about} (Caffe's preprocessing)",
)
# Digest and path of each, as OpenAI publishes them.
_CLIP_FILES = {
    "clip_rn50": ("afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762", "RN50"),
    "clip_rn101": ("8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599", "RN101"),
    "clip_rn50x4": ("7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd", "RN50x4"),
    "clip_rn50x16": (
        "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa",
        "RN50x16",
    ),
    "clip_rn50x64": (
        "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c",
        "RN50x64",
    ),
    "clip_vitb32": ("40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", "ViT-B-32"),
    "clip_vitb16": ("5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", "ViT-B-16"),
    "clip_vitl14": ("b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", "ViT-L-14"),
    "clip_vitl14_336": (
        "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
        "ViT-L-14-336px",
    ),
}


def _clip(name: str) -> Weights:
    sha256, kind = _CLIP_FILES[name]
    url = f"{_CLIP}{sha256}/{kind}.pt"
    return _published(
        name, url, sha256, None, NETWORKS[name].about, file=f"clip-{kind.lower()}-{sha256}.pt"
    )


def _dinov2(name: str) -> Weights:
    """No digest of these is published beside them."""
    return _published(
        name, f"{_DINOV2}{name}/{name}_pretrain.pth", "", None, NETWORKS[name].about
    )  # fmt: skip


_PARTS = (
    _published(
        "lpips_vgg",
        _LPIPS + "vgg.pth",
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        7_289,
        "LPIPS's weights of VGG-16's layers (beside vgg16)",
        file="weights-vgg16-lpips.pth",  # where torch-fidelity keeps its copy
        flag="--lpips-heads",
    ),
    _published(
        "lpips_alex",
        _LPIPS + "alex.pth",
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        6_009,
        "LPIPS's weights of AlexNet's layers (beside alexnet)",
        file="lpips-alex-v0.1.pth",
        flag="--lpips-heads",
    ),
    _published(
        "lpips_squeeze",
        _LPIPS + "squeeze.pth",
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        10_811,
        "LPIPS's weights of SqueezeNet's layers (beside squeezenet1_1)",
        file="lpips-squeeze-v0.1.pth",
        flag="--lpips-heads",
    ),
    _published(
        "alexnet",
        _VISION + "alexnet-owt-7be5be79.pth",
        "7be5be79",
        None,
        "torchvision's AlexNet, for LPIPS",
        flag="--lpips-weights",
    ),
    _published(
        "squeezenet1_1",
        _VISION + "squeezenet1_1-b8a52dc0.pth",
        "b8a52dc0",
        None,
        "torchvision's SqueezeNet 1.1, for LPIPS",
        flag="--lpips-weights",
    ),
)

WEIGHTS: dict[str, Weights] = {
    entry.name: entry
    for entry in (
        _INCEPTION,
        _SQUEEZENET,
        _published(
            "vgg16",
            _VISION + "vgg16-397923af.pth",
            "397923af",
            None,
            "torchvision's VGG-16, for precision and recall and LPIPS",
        ),
        *(_clip(name) for name in _CLIP_FILES),
        *(_dinov2(name) for name in NETWORKS if name.startswith("dinov2_")),
        *_PARTS,
    )
}


def weights_facts(name: str) -> Weights:
    """Return the facts of a weights file.

    Raises:
        InputError: there is none of that name; the known ones are listed.
    """
    if name in ("demo", "custom"):
        how = "fitted on first use" if name == "demo" else f"named with {FLAG} FILE"
        raise InputError(f"the weights of {name} are published nowhere: they are {how}")
    if name not in WEIGHTS:
        raise InputError(f"no weights are called {name!r}; known: {', '.join(WEIGHTS)}")
    return WEIGHTS[name]
