"""One-shot adaptation: its loss and first step by hand, what it leaves alone, the same by seed."""

from typing import Any

import pytest
import torch
from torch import Tensor

import stylegen.editing.adapting as adapting_module
from stylegen.editing.adapting import Adapted, adapt, chroma, feature_distance, grey
from stylegen.editing.latents import Latents
from stylegen.editing.mixtures import replaced_layers
from stylegen.editing.restyle_config import AdaptConfig
from stylegen.editing.sampling import draw, generate, seeds_to_ws
from stylegen.editing.styles import before_and_after, style_images
from stylegen.errors import InputError
from stylegen.images import from_uint8
from stylegen.networks import Discriminator, Generator
from tests.editing import small


def networks(**changes: Any) -> tuple[Generator, Discriminator]:
    generator = small.generator(noise=0.1, **changes)
    return generator, small.discriminator(generator, seed=None)


def style(generator: Generator, seed: int = 5) -> tuple[Latents, Tensor]:
    """A code, and an image that it does not draw."""
    ws = seeds_to_ws(generator, [seed])
    return Latents(w=ws, sources=(str(seed),)), 255 - draw(generator, ws)


def adapted(config: AdaptConfig, **changes: Any) -> Adapted:
    generator, discriminator = networks(**changes)
    return adapt(generator, discriminator, *style(generator), config)


def moved(before: Generator, after: Generator) -> dict[str, Tensor]:
    ours, theirs = before.state_dict(), after.state_dict()
    return {name: theirs[name] - value for name, value in ours.items()}


def test_the_loss_by_hand() -> None:
    a = [torch.tensor([[1.0, 2.0]]), torch.tensor([[[3.0]]])]
    b = [torch.tensor([[0.0, 4.0]]), torch.tensor([[[7.0]]])]
    assert feature_distance(a, b).item() == (1.5 + 4) / 2


def test_grey_images_keep_brightness_and_alpha() -> None:
    x = torch.tensor([1.0, 0.5, -1.0, 0.25]).reshape(1, 4, 1, 1)
    brightness = 0.299 + 0.587 * 0.5 - 0.114
    wanted = torch.tensor([brightness] * 3 + [0.25]).reshape(1, 4, 1, 1)
    torch.testing.assert_close(grey(x), wanted)


def test_the_first_step_is_adams_on_the_loss() -> None:
    """With beta1 = 0, the first step is lr * sign of the gradient, wherever there is one."""
    generator, discriminator = networks()
    code, image = style(generator)
    config = AdaptConfig(steps=1, batch=2, share=0, lr=1e-3)  # share 0: nothing is random but noise
    with torch.no_grad():
        for name, p in generator.named_parameters():
            if name.endswith("noise_strength"):
                p.zero_()
    after = adapt(generator, discriminator, code, image, config)
    generator.synthesis.requires_grad_(True)
    drawn = discriminator.block_features(generator.synthesis(code.w.expand(2, -1, -1), "none"))
    wanted = discriminator.block_features(from_uint8(image).expand(2, -1, -1, -1))
    loss = sum((a - b).abs().mean() for a, b in zip(drawn, wanted, strict=True)) / len(drawn)
    assert isinstance(loss, Tensor)
    assert after.losses == pytest.approx((loss.item(),), rel=1e-5)
    loss.backward()
    steps = moved(generator, after.generator)
    checked = 0
    for name, p in generator.named_parameters():
        if p.grad is not None and not name.endswith("noise_strength"):
            clear = p.grad.abs() > 1e-5 + p.grad.abs().max() * 1e-3
            checked += int(clear.sum())
            wanted_step = -1e-3 * p.grad.sign()
            torch.testing.assert_close(steps[name][clear], wanted_step[clear], rtol=2e-3, atol=1e-6)
    assert checked > 1000


def test_only_synthesis_is_tuned_and_the_parent_stays() -> None:
    generator, discriminator = networks()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    image = generate(generator, [1])
    after = adapt(generator, discriminator, *style(generator), AdaptConfig(steps=2))
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
    assert torch.equal(generate(generator, [1]), image)
    for name, step in moved(generator, after.generator).items():
        is_fixed = name.startswith("mapping.") or name.endswith(("noise_const", "resample_filter"))
        assert is_fixed == (not step.any()), name
    assert not any(p.requires_grad for p in after.generator.parameters())
    assert not after.generator.training


def test_it_comes_nearer_and_draws_the_style_whatever_the_fine_layers_say() -> None:
    generator, discriminator = networks()
    code, image = style(generator)
    after = adapt(generator, discriminator, code, image, AdaptConfig(steps=120, lr=5e-3))
    assert sum(after.losses[-5:]) < 0.6 * sum(after.losses[:5])
    ws = code.w.repeat(8, 1, 1)
    ws[:, 3:] = seeds_to_ws(generator, range(8))[:, 3:]
    wanted = from_uint8(image)
    errors = [
        (network.synthesis(ws, noise="const") - wanted).abs().mean().item()
        for network in (generator, after.generator)
    ]
    assert errors[1] < 0.6 * errors[0]


def test_kept_colours_stay_while_brightness_goes() -> None:
    generator, discriminator = networks()
    code, image = style(generator)
    ws = code.w.repeat(4, 1, 1)
    ws[:, 3:] = seeds_to_ws(generator, range(4))[:, 3:]
    before = generator.synthesis(ws, noise="none")
    moves = {}
    for keep in (False, True):
        config = AdaptConfig(steps=60, batch=2, lr=5e-3, keep_color=keep)
        after = adapt(generator, discriminator, code, image, config).generator
        drawn = after.synthesis(ws, noise="none")
        nearer = (grey(drawn) - grey(from_uint8(image))).abs().mean()
        nearer /= (grey(before) - grey(from_uint8(image))).abs().mean()
        moves[keep] = (chroma(drawn) - chroma(before)).abs().mean().item(), nearer.item()
    assert moves[True][0] < 0.4 * moves[False][0]
    assert moves[True][1] < 0.8


def seen(generator: Generator, discriminator: Discriminator, config: AdaptConfig) -> Tensor:
    """The codes that are drawn while tuning."""
    given_style, kept = style(generator), list[Tensor]()
    handle = generator.synthesis.register_forward_pre_hook(
        lambda module, given: kept.append(given[0].clone())
    )
    adapt(generator, discriminator, *given_style, config)
    handle.remove()
    return torch.cat(kept)


def test_the_chosen_layers_are_replaced_by_mapped_ones() -> None:
    generator, discriminator = networks()
    code = style(generator)[0].w[0]
    ws = seen(generator, discriminator, AdaptConfig(steps=3, batch=2, layers="2,4-"))
    assert len(ws) == 6
    assert (ws[:, [0, 1, 3]] == code[[0, 1, 3]]).all()
    assert (ws[:, [2]] == ws[:, [4]]).all()  # of one random w
    assert (ws[:, [2]] == ws[:, [5]]).all()
    assert len(ws[:, 2].unique(dim=0)) == 6
    half = seen(generator, discriminator, AdaptConfig(steps=3, batch=2, layers="2,4-", share=0.5))
    torch.testing.assert_close(half[:, 2], (ws[:, 2] + code[2]) / 2)
    default = seen(generator, discriminator, AdaptConfig(steps=1))
    assert (default[:, :3] == code[:3]).all()
    assert (default[:, 3:] != code[3:]).any(dim=2).all()


def test_the_default_layers_are_never_all_nor_none() -> None:
    for num_ws in range(2, 20, 2):
        assert 0 < len(replaced_layers(num_ws)) < num_ws
    assert replaced_layers(8) == [5, 6, 7]  # 32 px
    assert replaced_layers(18) == list(range(7, 18))  # 1024 px


def test_several_styles_take_turns() -> None:
    generator, discriminator = networks()
    ws = seeds_to_ws(generator, [5, 6, 7])
    kept: list[Tensor] = []
    generator.synthesis.register_forward_pre_hook(lambda module, given: kept.append(given[0]))
    images = draw(generator, ws)
    kept.clear()
    code = Latents(w=ws, sources=("5", "6", "7"))
    adapt(generator, discriminator, code, images, AdaptConfig(steps=3, batch=2))
    order = [int((row[0] == ws[:, 0]).all(dim=1).nonzero()) for row in torch.cat(kept)]
    assert order == [0, 1, 2, 0, 1, 2]


def test_the_same_seed_gives_the_same_network() -> None:
    config = AdaptConfig(steps=3)
    first = adapted(config)
    torch.manual_seed(123)
    again, other = adapted(config), adapted(AdaptConfig(steps=3, seed=1))
    assert first.losses == again.losses != other.losses
    same, different = (
        moved(first.generator, again.generator),
        moved(first.generator, other.generator),
    )
    assert not any(step.any() for step in same.values())
    assert any(step.any() for step in different.values())


def test_a_stopped_one_is_as_far_as_it_came() -> None:
    generator, discriminator = networks()
    told: list[tuple[int, int, float]] = []
    stopped = adapt(
        generator, discriminator, *style(generator), AdaptConfig(steps=50),
        progress=lambda *said: told.append(said), stopped=lambda: len(told) == 3,
    )  # fmt: skip
    short = adapted(AdaptConfig(steps=3))
    assert stopped.losses == short.losses
    assert told == [(i + 1, 50, loss) for i, loss in enumerate(short.losses)]
    assert not any(step.any() for step in moved(stopped.generator, short.generator).values())


@pytest.mark.parametrize("config", [{}, {"keep_color": True, "batch": 3, "beta1": 0.5}])
def test_in_parts_it_is_the_same_bit_for_bit(config: dict[str, Any]) -> None:
    generator, discriminator = networks(c_dim=2)
    ws = seeds_to_ws(generator, [5, 6])
    codes, given = Latents(w=ws, sources=("5", "6")), 255 - draw(generator, ws)

    def part(steps: int, begun: Any = None) -> Adapted:
        some = AdaptConfig(steps=steps, **config)
        return adapt(generator, discriminator, codes, given, some, begun=begun)

    whole, first = part(5), part(2)
    copied = {name: value.clone() for name, value in first.state.items()}
    last = part(5, part(3, copied).state)
    assert last.losses == whole.losses
    assert not any(step.any() for step in moved(whole.generator, last.generator).values())
    assert all(torch.equal(value, whole.state[name]) for name, value in last.state.items())
    with pytest.raises(InputError, match="steps is 2, but 2 are done; wanted more"):
        part(2, copied)


def test_the_state_is_handed_over_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, discriminator = networks()
    monkeypatch.setattr(adapting_module, "_KEEP_EVERY_SEC", -1.0)  # at each step
    counts: list[int] = []
    adapt(
        generator, discriminator, *style(generator), AdaptConfig(steps=3),
        keep=lambda state: counts.append(len(state["losses"])),
    )  # fmt: skip
    assert counts == [1, 2, 3]


@pytest.mark.parametrize("channels", [1, 4])
def test_any_shape_channels_and_classes(channels: int) -> None:
    changes = {"img_channels": channels, "base_size": (3, 5), "c_dim": 3}
    after = adapted(AdaptConfig(steps=2, keep_color=channels == 4), **changes)
    assert len(after.losses) == 2
    assert after.layers == (3, 4, 5)


def test_before_and_after() -> None:
    generator, _ = networks()
    other, _ = networks()
    other.synthesis.b16.torgb.bias.add_(0.5)
    _, image = style(generator)
    sheet = before_and_after(generator, other, image, [1, 2])
    assert sheet.shape == (3, 32, 48)
    assert torch.equal(sheet[:, :16, 16:32], generate(generator, [1], psi=0.7)[0])
    assert torch.equal(sheet[:, 16:, 32:], generate(other, [2], psi=0.7)[0])
    assert torch.equal(sheet[:, 16:, :16], image[0])


def test_mistakes_are_told() -> None:
    generator, discriminator = networks()
    code, image = style(generator)
    with pytest.raises(InputError, match="6 layers and width 8"):
        adapt(generator, discriminator, Latents(w=torch.zeros(1, 8, 8), sources=("a",)), image)
    for wrong in (image.float(), image[:, :, :8], image.repeat(2, 1, 1, 1)):
        with pytest.raises(InputError, match="style images should be 1 of shape"):
            adapt(generator, discriminator, code, wrong)
    with pytest.raises(InputError, match="another shape"):
        adapt(generator, networks(base_size=(3, 5))[1], code, image)
    with pytest.raises(InputError, match="draws grey images"):
        adapted(AdaptConfig(keep_color=True), img_channels=1)
    with pytest.raises(InputError, match="no fine layers"):
        adapted(AdaptConfig(layers="fine"))
    with pytest.raises(InputError, match="a smaller lr"):
        adapted(AdaptConfig(lr=1e30, steps=5))
    for name, value in {
        "steps": 0,
        "batch": 0,
        "share": 2,
        "lr": 0,
        "beta2": 1,
        "seed": -1,
    }.items():
        with pytest.raises(InputError, match="wanted"):
            AdaptConfig(**{name: value})


def test_a_seed_as_style_is_of_the_class_that_was_asked_for() -> None:
    generator, _ = networks(c_dim=3)
    expected = generate(generator, [1], class_name="2")
    assert torch.equal(style_images(generator, 1, class_name="2"), expected)
    assert not torch.equal(style_images(generator, 1), expected)  # 1 modulo 3
