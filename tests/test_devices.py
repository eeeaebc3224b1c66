"""Device names, precision, and the states that computations run in."""

import pytest
import torch

from stylegen import devices
from stylegen.devices import (
    bfloat16_units,
    choose_device,
    choose_precision,
    full_float32,
    has_bfloat16,
    precision_name,
    seeded,
)
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


@pytest.mark.parametrize(
    ("capabilities", "units"),
    [
        ({"avx2": True}, None),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, None),
        ({"avx512_bf16": True}, "AVX512-BF16"),
        ({"avx512_bf16": True, "amx_bf16": True}, "AMX"),
    ],
)
def test_automatic_precision_of_a_processor(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], units: str | None
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    cpu = torch.device("cpu")
    assert bfloat16_units(cpu) == units
    assert has_bfloat16(cpu) == (units is not None)
    assert choose_precision("auto", cpu) == (torch.bfloat16 if units else torch.float32)


@pytest.mark.parametrize("supported", [True, False])
def test_automatic_precision_of_a_gpu(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    gpu = torch.device("cuda", 0)
    assert bfloat16_units(gpu) == ("compute capability 9.0" if supported else None)
    assert choose_precision("auto", gpu) == (torch.bfloat16 if supported else torch.float32)


def test_float16_where_torch_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert choose_precision("fp16", cpu) == torch.float16
    real = torch.nn.functional.conv2d

    def refuse(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        if x.dtype == torch.float16:
            raise RuntimeError("\"slow_conv2d_cpu\" not implemented for 'Half'")
        return real(x, w)

    monkeypatch.setattr(torch.nn.functional, "conv2d", refuse)
    with pytest.raises(InputError, match="'fp16', but torch cannot convolve in it on cpu"):
        choose_precision("fp16", cpu)
    assert choose_precision("bf16", cpu) == torch.bfloat16


def test_other_precisions_are_refused() -> None:
    with pytest.raises(InputError, match="'tf32'; wanted one of auto, fp32, bf16, fp16"):
        choose_precision("tf32", torch.device("cpu"))


def test_precisions_have_the_names_that_users_give() -> None:
    cpu = torch.device("cpu")
    for name in devices.DTYPES:
        assert precision_name(choose_precision(name, cpu)) == name


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
