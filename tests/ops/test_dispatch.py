"""Which implementation runs, and what is said about it."""

import logging
import sys
from types import SimpleNamespace

import pytest
import torch

from stylegen.errors import InputError
from stylegen.ops import bias_act, build, dispatch, modulated_conv2d, upfirdn2d

ON_CUDA = SimpleNamespace(device=torch.device("cuda", 0))


@pytest.fixture(autouse=True)
def _nothing_said_yet():
    dispatch._say.cache_clear()
    yield
    dispatch._say.cache_clear()


def test_cuda_on_a_cpu_tensor_is_an_error():
    x = torch.zeros(1, 2, 4, 4)
    with pytest.raises(InputError, match=r"upfirdn2d: impl='cuda' .* a tensor on cpu"):
        upfirdn2d(x, None, impl="cuda")
    with pytest.raises(InputError, match=r"bias_act: impl='cuda' .* a tensor on cpu"):
        bias_act(x, impl="cuda")
    for up in (1, 2):
        with pytest.raises(InputError, match="a tensor on cpu"):
            modulated_conv2d(x, torch.zeros(2, 2, 3, 3), torch.zeros(1, 2), up=up, impl="cuda")


def test_unknown_implementation_lists_the_known():
    with pytest.raises(InputError, match="'triton'; wanted one of auto, reference, cpu, cuda"):
        bias_act(torch.zeros(2, 3), impl="triton")


@pytest.mark.parametrize("impl", ["auto", "cpu"])
def test_the_choice_is_logged_once(caplog, impl):
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        for _ in range(3):
            bias_act(torch.zeros(2, 3), impl=impl)
    assert [record.message for record in caplog.records] == [
        "bias_act on cpu: torch operations with the operator's own gradient"
    ]


def test_reference_says_nothing(caplog):
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        bias_act(torch.zeros(2, 3), impl="reference")
    assert not caplog.records


def test_failed_build_is_a_warning_with_its_reason_once(caplog, monkeypatch):
    def fail():
        raise RuntimeError("x.cu(3): error: no such thing")

    monkeypatch.setattr(build, "cuda_kernels", fail)
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        assert dispatch.kernels_for("bias_act", ON_CUDA) is None
        assert dispatch.kernels_for("bias_act", ON_CUDA) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "x.cu(3): error: no such thing" in record.message
    with pytest.raises(RuntimeError, match="no such thing"):
        dispatch.use_reference("bias_act", "cuda", ON_CUDA)


def test_kernels_are_taken_where_they_are(caplog, monkeypatch):
    monkeypatch.setattr(build, "cuda_kernels", lambda: "the module")
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        assert dispatch.kernels_for("bias_act", ON_CUDA) == "the module"
    assert caplog.messages == ["bias_act on cuda: compiled kernels"]
    assert not dispatch.use_reference("bias_act", "auto", ON_CUDA)
    assert not dispatch.use_reference("bias_act", "cuda", ON_CUDA)


def test_other_devices_use_the_reference(caplog):
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        other = SimpleNamespace(device=torch.device("mps"))
        assert dispatch.use_reference("bias_act", "auto", other)
    assert "no code of its own for this device" in caplog.text


def test_operators_compile_into_one_graph():
    def run(x, b, f):
        y = upfirdn2d(x, f, up=2, padding=(2, 1, 2, 1), gain=4)
        return bias_act(y, b, act="lrelu", clamp=1)

    x, b, f = torch.randn(1, 2, 4, 4), torch.randn(2), torch.rand(4, 4)
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, b, f), run(x, b, f))


class Recorder:
    """Stands for the compiled module: keeps the arguments of each call."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def kernel(*args):
            self.calls.append((name, [a for a in args if not isinstance(a, torch.Tensor)]))
            like = args[0] if name == "upfirdn2d" else args[1 if "backward" in name else 0]
            return torch.full_like(like, len(self.calls))

        return kernel


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    for name in ("bias_act", "upfirdn2d"):
        module = sys.modules[f"stylegen.ops.{name}"]
        monkeypatch.setattr(module, "kernels_for", lambda op, x: recorder)
    return recorder


def test_bias_act_calls_its_kernels(recorder):
    x = torch.zeros(1, 2, 4, 4, requires_grad=True)
    y = bias_act(x, torch.zeros(2), act="swish", gain=1.5, clamp=0.5)
    (dx,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    torch.autograd.grad(dx.sum(), x)
    rest = [1, 8, 0.0, 1.5, 0.5]
    assert recorder.calls == [
        ("bias_act", rest),
        ("bias_act_backward", rest),
        ("bias_act_backward", rest),
        ("bias_act_backward2", rest),
    ]
    assert y.unique() == 1
    assert dx.unique() == 2


def test_upfirdn2d_calls_its_kernel(recorder):
    x = torch.zeros(1, 2, 4, 4)
    y = upfirdn2d(x, torch.ones(3, 3), 1, 1, (1, 1, 1, 1), flip_filter=True, gain=2.0)
    assert recorder.calls == [("upfirdn2d", [[1, 1], [1, 1], [1, 1, 1, 1], True, 2.0])]
    assert y.unique() == 1
