"""Which implementation runs, and what is said about it."""

import logging
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import torch

from stylegen.errors import InputError
from stylegen.ops import (
    bias_act,
    build,
    conv2d,
    conv2d_transpose,
    dispatch,
    epilogue,
    forced,
    modulated_conv2d,
    scaled_weight,
    upfirdn2d,
)

ON_CUDA = SimpleNamespace(device=torch.device("cuda", 0), dtype=torch.float32)
IMAGE, WEIGHT = torch.zeros(1, 2, 4, 4), torch.ones(2, 2, 3, 3)
OPERATORS = {
    "bias_act": lambda impl: bias_act(IMAGE, impl=impl),
    "conv2d": lambda impl: conv2d(IMAGE, WEIGHT, impl=impl),
    "conv2d_transpose": lambda impl: conv2d_transpose(IMAGE, WEIGHT, impl=impl),
    "epilogue": lambda impl: epilogue(IMAGE, impl=impl),
    "upfirdn2d": lambda impl: upfirdn2d(IMAGE, None, impl=impl),
    "weights": lambda impl: scaled_weight(WEIGHT, 2.0, torch.float32, impl=impl),
}


@pytest.fixture(autouse=True)
def _nothing_tried_yet(monkeypatch):
    """Nothing was said, read or forced; kernels are what each test makes of them."""
    monkeypatch.delenv(dispatch.VARIABLE, raising=False)
    monkeypatch.setattr(dispatch, "_environment", [])
    for cache in (dispatch._say, dispatch._kernels_or_none):
        cache.cache_clear()
    yield
    for cache in (dispatch._say, dispatch._kernels_or_none):
        cache.cache_clear()


@pytest.fixture
def failing(monkeypatch):
    """Builds fail; the list says how often one was tried."""
    tried = []

    def fail(kind):
        tried.append(kind)
        raise build.BuildError("x.cpp:3: error: no such thing")

    monkeypatch.setattr(build, "kernels", fail)
    return tried


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


def test_the_choice_is_logged_once(caplog, monkeypatch):
    monkeypatch.setattr(build, "kernels", lambda kind: f"the {kind} module")
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        for op in ("bias_act", "upfirdn2d", "bias_act"):
            assert dispatch.kernels_for(op, IMAGE) == "the cpu module"
            assert dispatch.kernels_for(op, ON_CUDA) == "the cuda module"
    assert caplog.messages == [
        "operators on cpu: compiled kernels",
        "operators on cuda: compiled kernels",
    ]


def test_types_without_kernels_go_on_with_torch(caplog):
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        for _ in range(2):
            y = bias_act(torch.tensor([-2.0, 4.0]).half(), dim=0, act="lrelu", gain=1)
    torch.testing.assert_close(y, torch.tensor([-0.4, 4.0]).half())
    (message,) = caplog.messages
    assert message == (
        "bias_act on cpu: torch operations, since there are no kernels for torch.float16"
    )


def test_reference_says_nothing(caplog):
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        bias_act(torch.zeros(2, 3), impl="reference")
    assert not caplog.records


def test_failed_build_is_one_warning_with_its_reason(caplog, failing):
    """One for all operators, however often they are called."""
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        for run in (*OPERATORS.values(), *OPERATORS.values()):
            run("auto")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "x.cpp:3: error: no such thing" in record.message
    assert failing == ["cpu"]


@pytest.mark.parametrize("op", OPERATORS)
def test_what_is_asked_for_by_name_raises_where_it_cannot_be_built(failing, op):
    expected = OPERATORS[op]("auto")
    for error in (RuntimeError, InputError):
        with pytest.raises(error, match=r"^x.cpp:3: error: no such thing$"):
            OPERATORS[op]("cpu")
    with forced("cpu"), pytest.raises(RuntimeError, match="no such thing"):
        OPERATORS[op]("auto")
    with forced("cpu"):
        assert torch.equal(OPERATORS[op]("reference"), expected)


def test_kernels_by_name_are_no_reference(monkeypatch):
    monkeypatch.setattr(build, "kernels", lambda kind: "the module")
    for impl in ("auto", "cuda"):
        assert not dispatch.use_reference("bias_act", impl, ON_CUDA)
    assert dispatch.use_reference("bias_act", "reference", ON_CUDA)


def ran(impl="auto"):
    """Tell what a call amounts to: the operator, or plain torch."""
    y = bias_act(torch.zeros(2, 3, requires_grad=True), act="lrelu", impl=impl)
    return "operator" if "bias_act" in type(y.grad_fn).__name__ else "reference"


class TestForced:
    """What "auto" means within a block."""

    def test_blocks_nest(self):
        assert ran() == "operator"
        with forced("reference"):
            assert ran() == "reference"
            with forced("auto"):
                assert ran() == "operator"
            assert ran() == "reference"
            assert dispatch.auto_means() == "reference"
        assert ran() == "operator"
        assert dispatch.auto_means() == "auto"

    def test_it_ends_with_errors(self):
        with pytest.raises(ZeroDivisionError), forced("reference"):
            1 / 0  # noqa: B018
        assert ran() == "operator"

    def test_unknown_names_change_nothing(self):
        with pytest.raises(InputError, match="impl is 'fast'; wanted"), forced("fast"):
            pass
        assert ran() == "operator"

    def test_other_choices_of_the_caller_stay(self):
        with forced("cuda"):
            assert ran("reference") == "reference"
            with pytest.raises(InputError, match="impl='cuda' was asked for a tensor on cpu"):
                ran()

    def test_it_holds_in_all_threads(self):
        found = []
        with forced("reference"):
            thread = threading.Thread(target=lambda: found.append(ran()))
            thread.start()
            thread.join()
        assert found == ["reference"]

    def test_it_is_stronger_than_the_environment(self, monkeypatch):
        monkeypatch.setenv(dispatch.VARIABLE, "reference")
        assert ran() == "reference"
        with forced("auto"):
            assert ran() == "operator"

    @pytest.mark.parametrize("op", OPERATORS)
    def test_every_operator_obeys(self, failing, op):
        with forced("reference"):
            OPERATORS[op]("auto")
        assert failing == []


@pytest.mark.parametrize("value", ["", "auto", "reference", "cpu", "cuda", "nonsense"])
def test_the_environment_says_what_auto_means(monkeypatch, value):
    monkeypatch.setattr(
        build, "kernels", lambda kind: SimpleNamespace(bias_act=lambda x, *_: x * 1)
    )
    monkeypatch.setenv(dispatch.VARIABLE, value)
    refusals = {
        "cuda": "impl='cuda' was asked for a tensor on cpu",
        "nonsense": "STYLEGEN_OPS is 'nonsense'; wanted one of auto, reference, cpu, cuda",
    }
    if value in refusals:
        with pytest.raises(InputError, match=refusals[value]):
            ran()
    else:
        assert ran() == ("reference" if value == "reference" else "operator")


PROCESS = """
import torch
from stylegen.ops import bias_act
print(type(bias_act(torch.zeros(2, 3, requires_grad=True), act="lrelu").grad_fn).__name__)
"""


def test_the_environment_of_a_process():
    processes = {
        value: subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, dispatch.VARIABLE: value},
        )
        for value in ("reference", "nonsense")
    }
    told = {value: process.communicate() for value, process in processes.items()}
    assert told["reference"][0] == "MulBackward0\n"
    assert "InputError: STYLEGEN_OPS is 'nonsense'; wanted one of" in told["nonsense"][1]
    assert [process.returncode for process in processes.values()] == [0, 1]


def test_operators_compile_into_one_graph():
    def run(x, w, s, b, f):
        y = modulated_conv2d(x, w, s, b=b, up=2, resample_filter=f, act="lrelu", clamp=1)
        y = conv2d_transpose(conv2d(y, scaled_weight(w, 0.1, y.dtype), 2, 1), w)
        return bias_act(upfirdn2d(y, f, down=2, padding=1), b, act="swish")

    x, w, s, b = (torch.randn(size) for size in ((1, 2, 4, 4), (2, 2, 3, 3), (1, 2), (2,)))
    given = [t.requires_grad_() for t in (x, w, s, b)]
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")

    def gradients(run):
        y = run(*given, torch.ones(4, 4) / 16)
        return y.detach(), *torch.autograd.grad(y.square().sum(), given)

    torch.testing.assert_close(gradients(compiled), gradients(run))


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
