"""The whole pipeline: no change at p = 0, seeds and shares, gradients, shapes, what is left out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.training.augment import AugmentConfig, build_augment
from stylegen.training.augment.color import Colors
from stylegen.training.augment.config import PIPES
from stylegen.training.augment.geometry import no_motion
from stylegen.training.augment.pipeline import Pipeline, Plan
from stylegen.training.draws import Draws, Share

CPU = torch.device("cpu")
SHAPES = [(1, 4, 4), (2, 5, 31), (3, 16, 16), (3, 48, 20), (4, 9, 13), (4, 32, 32)]
Make = Callable[..., Pipeline]


@pytest.fixture
def make(pipeline: Make) -> Make:
    return pipeline


@pytest.mark.parametrize("pipe", PIPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_p_of_zero_is_the_identity(
    make: Make, pipe: str, shape: tuple[int, int, int], draws: Draws
) -> None:
    images = torch.rand(5, *shape) * 2 - 1
    augment = make(pipe, *shape)
    assert augment(images, 0.0, draws) is images
    done = augment(images, torch.tensor(0.0), draws)  # through everything
    torch.testing.assert_close(done, images, atol=1e-6, rtol=0)


@pytest.mark.parametrize("pipe", PIPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shape_type_and_layout_are_kept(
    make: Make, pipe: str, shape: tuple[int, int, int], layout: torch.memory_format, draws: Draws
) -> None:
    for dtype in (torch.float32, torch.float64):
        images = torch.randn(8, *shape, dtype=dtype).contiguous(memory_format=layout)
        done = make(pipe, *shape)(images, 0.8, draws)
        assert (done.shape, done.dtype) == (images.shape, dtype)
        assert done.is_contiguous(memory_format=layout)
        assert done.isfinite().all()
        changed = (done != images).flatten(1).any(1).sum()
        assert changed >= (2 if pipe in ("blit", "noise", "cutout") else 3)


@pytest.mark.parametrize("p", [0.5, torch.tensor(0.5)], ids=["number", "tensor"])
def test_the_same_seed_gives_the_same_transform(make: Make, p: float | Tensor) -> None:
    augment, images = make("bgcfnc"), torch.randn(6, 3, 16, 16)

    def run(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return augment(images, p, Draws(CPU))

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


def test_each_sample_has_its_own(make: Make, draws: Draws) -> None:
    images = torch.randn(1, 3, 16, 16).expand(16, -1, -1, -1)
    done = make("bgcfnc")(images, 0.9, draws)
    pairs = [(i, j) for i in range(16) for j in range(i)]
    assert not any(torch.equal(done[i], done[j]) for i, j in pairs)


@pytest.mark.parametrize("kind", ["fixed", "diffaug"])
@pytest.mark.parametrize("group", [1, 2])
def test_a_shared_batch_is_the_rows_of_the_whole(kind: Any, group: int) -> None:
    config = AugmentConfig(kind=kind, pipe="bgcfnc")
    augment, images = build_augment(config, 3, 12, 16), torch.randn(8, 3, 12, 16)

    def run(share: Share) -> Tensor:
        torch.manual_seed(5)
        return augment(share.take(images), 0.7, Draws(CPU, share))

    whole = run(Share())
    for index in range(2):
        share = Share(index=index, count=2, group=group)
        torch.testing.assert_close(run(share), whole[share.rows(8)], atol=1e-5, rtol=0)


def some_motion() -> Any:
    still = no_motion(2, CPU)
    return replace(
        still,
        mirrored=torch.tensor([True, False]),
        quarters=torch.tensor([2.0, 0.0]),
        steps=torch.tensor([[1.0, -1.0], [0.0, 0.0]]),
        scale=torch.tensor([1.3, 1.0]),
        pre=torch.tensor([0.4, 0.0]),
    )


def some_colors() -> Colors:
    return Colors(
        brightness=torch.tensor([0.1, 0.0]),
        contrast=torch.tensor([0.8, 1.0]),
        flip=torch.tensor([-1.0, 1.0]),
        hue=torch.tensor([0.5, 0.0]),
        saturation=torch.tensor([2.0, 1.0]),
    )


GROUPS: dict[str, dict[str, Any]] = {
    "blit": {"motion": some_motion()},
    "bg": {"motion": some_motion()},
    "color": {"colors": some_colors()},
    "filter": {"amplifications": torch.tensor([[0.5, 2.0, 1.0, 3.0], [1.0, 1.0, 1.0, 1.0]])},
    "noise": {"noise_std": torch.tensor([0.2, 0.0]), "noise": torch.ones(2, 4, 4, 5)},
    "cutout": {"cutout": torch.tensor([[[0.3, 0.6], [0.5, 0.5]], [[0.5, 0.5], [0.0, 0.0]]])},
}


@pytest.mark.parametrize("pipe", [*GROUPS, "bgcfnc"])
def test_gradients_of_both_orders(make: Make, pipe: str) -> None:
    parts = (
        GROUPS[pipe] if pipe in GROUPS else {k: v for g in GROUPS.values() for k, v in g.items()}
    )
    augment, plan = make(pipe, 4, 4, 5), Plan(**parts)
    images = torch.randn(2, 4, 4, 5, dtype=torch.float64, requires_grad=True)
    done = augment.apply(images, plan)
    assert not torch.equal(done[0], images[0])
    torch.testing.assert_close(done[1], images[1], atol=1e-9, rtol=0)
    assert torch.autograd.gradcheck(lambda x: augment.apply(x, plan), images)
    # squared, so that the second derivative is not zero
    assert torch.autograd.gradgradcheck(lambda x: augment.apply(x, plan).square(), images)


@pytest.mark.parametrize("pipe", GROUPS)
def test_what_is_not_changed_keeps_its_bits(make: Make, pipe: str) -> None:
    images = torch.randn(2, 4, 4, 5)
    assert torch.equal(make(pipe, 4, 4, 5).apply(images, Plan(**GROUPS[pipe]))[1], images[1])


def test_a_greater_p_adds_to_what_is_done(make: Make) -> None:
    augment, images = make("bgcfnc"), torch.randn(32, 3, 16, 16)
    changed = []
    for p in (0.02, 0.1):
        torch.manual_seed(4)
        changed.append((augment(images, p, Draws(CPU)) != images).flatten(1).any(1))
    less, more = changed
    assert less.any()
    assert more.sum() > less.sum()
    assert (more | ~less).all()


def test_r1_differentiates_through_it(make: Make, draws: Draws) -> None:
    weight = torch.randn(3 * 16 * 16, requires_grad=True)
    images = torch.randn(4, 3, 16, 16, requires_grad=True)
    logits = make("bgcfnc")(images, 0.8, draws).flatten(1).tanh() @ weight
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    gradient.square().sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert weight.grad.isfinite().all()
    assert weight.grad.abs().sum() > 0


def test_the_host_never_waits_for_the_device(make: Make) -> None:
    # tensors without numbers: any decision that depends on a number fails
    meta = torch.device("meta")
    images = torch.empty(4, 3, 16, 12, device=meta, requires_grad=True)
    for pipe in ("blit", "bgcfnc"):
        done = make(pipe, 3, 16, 12)(images, 0.5, Draws(meta))
        (gradient,) = torch.autograd.grad(done.sum(), images)
        assert done.shape == gradient.shape == images.shape


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("fixed", (3, 16, 16), ()),
        ("ada", (1, 16, 16), ("hue and saturation (the images are grey)",)),
        ("ada", (4, 16, 16), ("colour changes of the alpha channel",)),
        (
            "fixed",
            (2, 16, 24),
            (
                "quarter turns (the images are not square; half turns are done)",
                "hue and saturation (the images are grey)",
                "colour changes of the alpha channel",
            ),
        ),
        ("diffaug", (3, 16, 24), ()),
        (
            "diffaug",
            (2, 16, 16),
            ("saturation (the images are grey)", "colour changes of the alpha channel"),
        ),
        ("none", (2, 16, 24), ()),
    ],
)
def test_what_is_left_out_is_said(
    kind: Any, shape: tuple[int, int, int], expected: tuple[str, ...]
) -> None:
    assert build_augment(AugmentConfig(kind=kind), *shape).left_out == expected


def test_only_what_the_pipe_does_can_be_left_out() -> None:
    config = AugmentConfig(kind="fixed", pipe="geom")
    assert build_augment(config, 2, 16, 24).left_out == ()


def test_no_augmentation_is_the_identity(draws: Draws) -> None:
    images = torch.randn(2, 7, 3, 3)  # any shape
    assert build_augment(AugmentConfig(), 7, 3, 3)(images, 1.0, draws) is images


@pytest.mark.parametrize("shape", [(5, 16, 16), (0, 16, 16), (3, 3, 16), (3, 16, 2)])
def test_shapes_that_cannot_be_augmented_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="wanted 1 to 4 channels and at least 4 pixels"):
        build_augment(AugmentConfig(kind="ada"), *shape)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 1, 16, 16), torch.zeros(2, 3, 16, 8), torch.zeros(2, 3, 16, 16).half()],
)
def test_images_of_another_shape_or_type_are_refused(
    make: Make, images: Tensor, draws: Draws
) -> None:
    with pytest.raises(InputError, match="built for float32 images"):
        make("bgc")(images, 0.5, draws)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(make: Make, p: float, draws: Draws) -> None:
    with pytest.raises(InputError, match="wanted a probability from 0 to 1"):
        make("bgc")(torch.zeros(2, 3, 16, 16), p, draws)
