"""What only a GPU can show of the CUDA kernels: odd addresses, large tensors, order, no waiting."""

import pytest
import torch

from stylegen.ops import ACTIVATIONS, bias_act, build, setup_filter, upfirdn2d
from stylegen.ops.epilogue import epilogue

pytestmark = pytest.mark.gpu
LRELU = ACTIVATIONS["lrelu"].code
ACT = (LRELU, 0.2, 1.3, -1.0)  # of the module's functions: code, alpha, gain, clamp


@pytest.fixture(scope="module")
def kernels():
    return build.kernels("cuda")


def everything(x, b, scale, noise, f):
    """Run each operator and its first two derivatives."""
    x = x.detach().requires_grad_()
    y = epilogue(x, scale, noise, b, act="lrelu", clamp=2, impl="cuda")
    y = upfirdn2d(y, f, up=2, padding=(2, 1, 2, 1), gain=4, impl="cuda")
    y = upfirdn2d(y, f, padding=(2, 1, 2, 1), impl="cuda")
    y = bias_act(y, b, act="softplus", impl="cuda")
    y = upfirdn2d(y, f, down=2, padding=1, impl="cuda")
    (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    return y, first, *torch.autograd.grad(first.square().sum(), (x, b, scale, noise))


def inputs(shape, dtype):
    n, c, h, w = shape
    x = torch.randn(shape, device="cuda").to(dtype).to(memory_format=torch.channels_last)
    b, scale = torch.randn(c, device="cuda"), torch.rand(n, c, device="cuda")
    noise = torch.randn(n, 1, h, w, device="cuda")
    for t in (b, scale, noise):
        t.requires_grad_()
    return x, b, scale, noise, setup_filter([1, 3, 3, 1], device=torch.device("cuda"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_nothing_waits_for_the_gpu(kernels, dtype):
    args = inputs((2, 16, 33, 29), dtype)
    everything(*args)
    torch.cuda.set_sync_debug_mode("error")
    try:
        everything(*args)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("shape", [(4, 64, 96, 80), (3, 5, 67, 45)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_same_bits_every_time(kernels, shape, dtype):
    x, _, scale, noise, _ = inputs(shape, dtype)
    out = kernels.epilogue(x, scale.detach(), noise.detach(), None, *ACT)
    dout = torch.randn_like(out)

    def gradients():
        return kernels.epilogue_backward(dout, out, x, scale.detach(), 1, True, *ACT)

    first = gradients()
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(first, gradients(), strict=True))


@pytest.mark.parametrize("offset", [1, 2, 4, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_any_address(kernels, offset, dtype):
    def moved(t):
        room = torch.empty(t.numel() + offset, dtype=t.dtype, device="cuda")
        return room[offset:].view(t.shape).copy_(t)

    x, b, scale, noise, f = (t.detach() for t in inputs((2, 8, 12, 16), dtype))
    x = x.contiguous()
    out = kernels.epilogue(moved(x), moved(scale), moved(noise), moved(b), *ACT)
    assert torch.equal(out, kernels.epilogue(x, scale, noise, b, *ACT))
    y = kernels.bias_act(moved(x), moved(b), 1, *ACT)
    assert torch.equal(y, kernels.bias_act(x, b, 1, *ACT))
    geometry = ([1, 1], [1, 1], [2, 1, 2, 1], False, 1.0)
    assert torch.equal(
        kernels.upfirdn2d(moved(x), moved(f), *geometry), kernels.upfirdn2d(x, f, *geometry)
    )
    actual = kernels.epilogue_backward(moved(x), moved(out), moved(x), moved(scale), 2, True, *ACT)
    expected = kernels.epilogue_backward(x, out, x, scale, 2, True, *ACT)
    assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_beyond_32_bit_places(kernels):
    size = 2**31 + 24
    if torch.cuda.mem_get_info()[0] < 5 * size:
        pytest.skip("needs 11 GB of free memory")
    x = torch.zeros(1, 8, size // 8, 1, dtype=torch.bfloat16, device="cuda")
    x[0, :, -1, 0] = torch.arange(8)
    b = torch.arange(8.0, device="cuda")
    for layout in (torch.contiguous_format, torch.channels_last):
        t = x if layout == torch.contiguous_format else x.view(1, -1, 1, 8).permute(0, 3, 1, 2)
        y = kernels.bias_act(t, b, 1, 0, 0.0, 1.0, -1.0)
        assert y[0, :, 0, 0].tolist() == list(range(8))
        assert (y[0, :, -1, 0] - t[0, :, -1, 0]).tolist() == list(range(8))
        del y


def test_empty_batches(kernels):
    x = torch.empty(0, 3, 5, 4, device="cuda")
    b, scale = torch.zeros(3, device="cuda"), torch.zeros(0, 3, device="cuda")
    noise = torch.zeros(1, 1, 5, 4, device="cuda")
    assert kernels.bias_act(x, b, 1, *ACT).shape == x.shape
    assert kernels.epilogue(x, scale, noise, b, *ACT).shape == x.shape
    dx, dscale, dnoise, db = kernels.epilogue_backward(x, x, x, scale, 1, True, *ACT)
    assert (dx.shape, dscale.shape) == (x.shape, (0, 3))
    assert torch.equal(dnoise, torch.zeros_like(noise))
    assert torch.equal(db, torch.zeros_like(b))
    with pytest.raises(RuntimeError, match="wanted a non-empty"):
        kernels.upfirdn2d(x, torch.ones(1, 1, device="cuda"), [1, 1], [1, 1], [0] * 4, False, 1.0)


def test_nan_is_never_hidden(kernels):
    x = torch.full((1, 8, 16, 16), torch.nan, device="cuda")
    assert kernels.bias_act(x, None, 1, LRELU, 0.2, 1.3, 0.5).isnan().all()
    assert kernels.epilogue(x, None, None, None, LRELU, 0.2, 1.3, 0.5).isnan().all()
    f = setup_filter([1, 3, 3, 1], device=x.device)
    assert kernels.upfirdn2d(x, f, [1, 1], [1, 1], [2, 1, 2, 1], False, 1.0).isnan().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": torch.zeros(2, 4)}, r"scale has shape \[2, 4\]"),
        ({"noise": torch.zeros(3, 1, 5, 4)}, r"noise has shape \[3, 1, 5, 4\]"),
        ({"b": torch.zeros(1, 3)}, r"b has shape \[1, 3\]"),
        ({"act": ACTIVATIONS["swish"].code}, "takes linear or lrelu"),
        ({"act": 99}, "unknown activation code 99"),
        ({"x": torch.zeros(3, 5, 4)}, r"wanted \(N, C, H, W\)"),
    ],
)
def test_epilogue_refuses(kernels, change, message):
    given = {"x": torch.zeros(2, 3, 5, 4), "scale": None, "noise": None, "b": None, "act": LRELU}
    given = {
        name: t.cuda() if isinstance(t, torch.Tensor) else t for name, t in (given | change).items()
    }
    with pytest.raises(RuntimeError, match=message):
        kernels.epilogue(*given.values(), 0.2, 1.0, -1.0)
