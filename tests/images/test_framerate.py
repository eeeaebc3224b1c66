from fractions import Fraction

import pytest

from stylegen.errors import InputError
from stylegen.images.framerate import delay, frame_rate, rounding_note


def test_rates_are_exact() -> None:
    assert frame_rate(30) == frame_rate("30") == frame_rate(30.0) == 30
    assert frame_rate("30000/1001") == Fraction(30000, 1001)
    assert frame_rate(23.976) == Fraction(2997, 125)
    assert frame_rate(Fraction(1, 3)) == Fraction(1, 3)


@pytest.mark.parametrize("fps", [0, -1, "fast", "1/0", "nan", "inf", 0.009, "1/3000000", 1e9, ""])
def test_no_rates(fps: float | str) -> None:
    with pytest.raises(InputError, match="wanted frames a second"):
        frame_rate(fps)


def test_delays_by_hand() -> None:
    # instants 0, 3.33, 6.67, 10 hundredths: 0, 3, 7, 10
    assert [delay(i, Fraction(30), 100) for i in range(6)] == [3, 4, 3, 3, 4, 3]
    assert [delay(i, Fraction(40), 100) for i in range(4)] == [3, 2, 3, 2]
    assert [delay(i, Fraction(25), 100) for i in range(3)] == [4, 4, 4]
    assert [delay(i, Fraction(30), 1000) for i in range(3)] == [33, 34, 33]


@pytest.mark.parametrize("ticks", [100, 1000])
@pytest.mark.parametrize("fps", ["24", "30", "29.97", "30000/1001", "48", "7", "0.3"])
def test_errors_do_not_add_up(fps: str, ticks: int) -> None:
    rate, total = frame_rate(fps), 0
    for i in range(500):
        step = delay(i, rate, ticks)
        assert abs(step - ticks / rate) < 1
        total += step
        assert abs(total - (i + 1) * ticks / rate) <= Fraction(1, 2)


def test_what_is_exact_needs_no_note() -> None:
    assert rounding_note(240, Fraction(30), 100) == []
    (note,) = rounding_note(100, Fraction(30), 100)
    assert note == "times are counted in 1/100 s: 3.33 s in all instead of 3.33333"
