"""Device names, precision, and the states that computations run in."""

import pytest
import torch

from stylegen.devices import choose_device, choose_precision, full_float32, seeded
from stylegen.errors import InputError


@pytest.mark.parametrize("name", ["meta", "xpu", "cpu:3", "gpu", "", "cuda:99", "cuda:x"])
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="device is"):
        choose_device(name)


def test_automatic_choices() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    cpu = choose_device("cpu")
    assert choose_precision("fp32", cpu) == torch.float32
    assert choose_precision("bf16", cpu) == torch.bfloat16


def test_tensor_float_is_forbidden_within_the_block_only() -> None:
    setting = torch.backends.cudnn.conv
    before = setting.fp32_precision
    with full_float32():
        assert setting.fp32_precision == "ieee"
    assert setting.fp32_precision == before


def test_seeding_is_undone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with seeded(9, torch.device("cpu")):
        inner = torch.rand(2)
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(inner, torch.rand(2, generator=torch.Generator().manual_seed(9)))
