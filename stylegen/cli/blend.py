"""``stylegen blend``: a network of the blocks of two others."""

from pathlib import Path

import click

from stylegen.cli.options import Network, new_folder, overwrite_option, refuse_existing
from stylegen.editing.restyle_config import BlendConfig
from stylegen.files import check_writable, refuse_replacing


def _layers(shares: dict[str, float]) -> str:
    """Say how much of each layer is the fine network's: "b4.conv1 0, b8.conv0 0.25, ..."."""
    return ", ".join(f"{name} {share:.3g}" for name, share in shares.items())


@click.command("blend")
@click.option(
    "--base",
    required=True,
    type=click.Path(path_type=Path),
    help="Snapshot that gives the coarse blocks, the mapping network and the discriminator.",
)
@click.option(
    "--fine",
    required=True,
    type=click.Path(path_type=Path),
    help="Snapshot that gives the fine blocks, of the same lineage.",
)
@click.option(
    "--base-delta", type=click.Path(path_type=Path), metavar="FILE",
    help="What tuning changed in the base: photo.delta.safetensors of project --tune.",
)  # fmt: skip
@click.option(
    "--fine-delta", type=click.Path(path_type=Path), metavar="FILE",
    help="Likewise in the fine network.",
)  # fmt: skip
@click.option("--at", type=int, help="Resolution from which on blocks are the fine network's.")
@click.option(
    "--width",
    default=BlendConfig.width,
    show_default=True,
    help="With --at: so many convolutions around it lie between the two; 0 swaps whole blocks.",
)
@click.option(
    "--weights",
    metavar="R:WEIGHT,...",
    help="Instead of --at: the fine network's share at each resolution, such as 4:0,8:0.2,32:1. "
    "Those not named are as the nearest one below.",
)
@click.option(
    "--out",
    default="blended.safetensors",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The new snapshot.",
)
@overwrite_option
def blend(
    base: Path,
    fine: Path,
    base_delta: Path | None,
    fine_delta: Path | None,
    at: int | None,
    width: int,
    weights: str | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Make a network of two: coarse blocks of one, fine blocks of another.

    Both should descend from one network: snapshots of one run, or one of them trained on, or
    adapted, from the other. A block goes as a whole, with its toRGB layer. The mapping network is
    the base's: with --at 4, the fine network draws what the base's mapping gives.
    With --base S --fine S --fine-delta FILE --at 4, what a photo was tuned to becomes a snapshot.
    """
    from stylegen.editing.blending import blend as blend_networks
    from stylegen.editing.blending import layer_weights, parse_weights, warn_of_strangers
    from stylegen.editing.lineage import Parent, check_snapshot_name, save_child

    shares = None if weights is None else parse_weights(weights)
    config = BlendConfig(at=at, width=width, weights=shares)
    check_snapshot_name(out)
    files = [out, out.with_suffix(".json")]
    refuse_replacing(files, {**Network(base, base_delta).files, **Network(fine, fine_delta).files})
    refuse_existing(files, overwrite)
    check_writable(out, parents=True)
    parents = [Parent.load(base, delta=base_delta), Parent.load(fine, delta=fine_delta)]
    blended = blend_networks(parents[0].generator, parents[1].generator, config)
    warn_of_strangers(parents[0].lineage, parents[1].lineage)
    layers = layer_weights(config, blended.config.resolution)
    with new_folder(out.parent):
        save_child(out, blended, parents, "stylegen blend", {"shares_of_fine": layers})
    click.echo(f"{out}: {base.name} with this much of {fine.name}: {_layers(layers)}")
