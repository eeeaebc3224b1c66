"""Small networks, directions and tables, and ``stylegen directions`` called on them."""

from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from stylegen.cli.directions import directions
from tests.editing.directions.small import save_network


def run(command: str, **paths: Path) -> Result:
    words = [word.format(**paths) for word in command.split()]
    return CliRunner().invoke(directions, words)


def succeed(command: str, **paths: Path) -> str:
    result = run(command, **paths)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def write_material(folder: Path) -> dict[str, Path]:
    """Write networks, n plain and c with two classes, directions of both, and tables.

    Returns:
        {f: folder, n: snapshot, c: snapshot}, for :func:`run`.
    """
    save_network(folder / "n.safetensors")
    save_network(folder / "c.safetensors", c_dim=2, img_channels=4, base_size=(3, 5))
    for name in ("n", "c"):
        network = f"--network {folder}/{name}.safetensors"
        find = f"find {network} --method pca --count 2 --samples 200 --out {folder}/{name}-pca"
        assert run(find).exit_code == 0
    lines = [f"{seed},{seed % 2}" for seed in range(40)]
    (folder / "labels.csv").write_text("\n".join(lines))
    (folder / "typo.csv").write_text("8S,a\n" + "\n".join(lines))
    (folder / "text.npz").write_text("hello")
    np.savez(folder / "other.npz", direction=np.eye(8)[0], network=np.array("ab" * 32))
    old = {"direction": np.ones(8), "method": np.array("logistic, orthogonal")}
    np.savez(folder / "old.npz", **old)
    (folder / "left").mkdir()
    (folder / "left" / "pca-01.npz").write_bytes((folder / "n-pca" / "pca-01.npz").read_bytes())
    return {"f": folder, "n": folder / "n.safetensors", "c": folder / "c.safetensors"}
