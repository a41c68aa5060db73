"""Codes of numbers and curves: read back by a reader of our own, to three significant digits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.page.codes import INFINITE, LETTERS, NOTHING, Digits, letters, steps


def numbers_of(text: str, digits: Digits) -> list[float]:
    """Read what `Digits.text` wrote."""
    places = [LETTERS.index(letter) for letter in text]
    found = []
    for first, second in zip(places[::2], places[1::2], strict=True):
        code = 90 * first + second
        sign = -1 if digits.signed and 3600 < code < INFINITE else 1
        code -= 3600 * (sign < 0)
        size, power = 100 + (code - 1) % 900, digits.exponent + (code - 1) // 900
        number = sign * float(f"{size}e{power - 2}")
        found.append({0: 0.0, NOTHING: np.nan, INFINITE: np.inf}.get(code, number))
    return found


def curve_of(text: str, digits: Digits, width: int, length: int) -> np.ndarray:
    """Read what `steps` wrote as a table with a row for each point of the grid."""
    table, row, codes = np.full((length, width), np.nan), 0, [0] * width
    letter = iter(text[:-1])
    for gap in letter:
        row += LETTERS.index(gap)
        for column in range(width):
            first = LETTERS.index(next(letter))
            if first < 77:
                codes[column] += first - 38
            elif first < 89:
                size, is_less = divmod(90 * (first - 77) + LETTERS.index(next(letter)), 2)
                codes[column] += -(size + 39) if is_less else size + 39
            else:
                codes[column] = 90 * LETTERS.index(next(letter)) + LETTERS.index(next(letter))
        table[row:] = numbers_of(letters(np.array(codes)), digits)
    table[row + LETTERS.index(text[-1]) + 1 :] = np.nan
    return table


SIZES = st.one_of(st.just(0.0), st.floats(1.01e-5, 990.0))


@given(st.lists(SIZES, min_size=1), st.booleans())
def test_three_significant_digits_come_back(sizes, signed):
    values = np.array(sizes)
    if signed:
        values = np.where(np.arange(len(values)) % 2, -values, values)
        values = np.where(np.abs(values) >= 0.101, values, 0.0)
    digits = Digits(-1 if signed else -5, signed)
    found = numbers_of(digits.text(values), digits)
    assert found == [pytest.approx(float(f"{value:.2e}"), rel=1e-9) for value in values]


def test_what_is_unknown_infinite_or_too_small_has_a_code():
    digits = Digits.of(np.array([12.0]))
    assert digits == Digits(-6)
    found = numbers_of(digits.text(np.array([np.nan, np.inf, 0.0, 1e-12, 9.996])), digits)
    assert np.isnan(found[0])
    assert found[1:] == [np.inf, 0.0, 1e-6, 10.0]


def test_letters_stand_for_themselves_in_json_and_html():
    assert len(set(LETTERS)) == 90
    text = letters(np.array([[0, 1], [NOTHING, 4000]]))
    assert json.dumps(LETTERS, ensure_ascii=False) == f'"{LETTERS}"'
    assert len(text) == 8
    assert not set(LETTERS) & set('"<&\\')


@given(st.lists(st.one_of(st.just(np.nan), st.sampled_from([1.0, 1.05, 2.5, 0.0, 33.0])), min_size=1, max_size=250))
def test_a_step_curve_comes_back_point_by_point(values):
    digits, middle = Digits(-3), np.array(values)
    text = steps(digits, middle, middle / 2)
    if np.isnan(middle).all():
        assert text == ""
        return
    found = curve_of(text, digits, 2, len(middle))
    np.testing.assert_allclose(found[:, 0], middle)
    np.testing.assert_allclose(found[:, 1], np.where(np.isnan(middle), np.nan, middle / 2), rtol=1e-2)


@pytest.mark.parametrize(("change", "room"), [(-39, 2), (-38, 1), (38, 1), (39, 2), (578, 2), (-578, 2), (579, 3)])
def test_a_small_change_takes_one_letter_and_a_large_one_three(change, room):
    digits = Digits(-4)
    sizes = np.array([f"{100 + (1800 + part) % 900}e{(1800 + part) // 900 - 6}" for part in (0, change)], dtype=float)
    text = steps(digits, sizes)
    assert len(text) == 1 + 3 + 1 + room + 1
    assert curve_of(text, digits, 1, 2)[:, 0].tolist() == pytest.approx(sizes.tolist(), rel=1e-12)


def test_a_curve_that_stands_still_takes_no_room():
    assert len(steps(Digits(-3), np.full(80, 2.0))) == 5
    assert len(steps(Digits(-3), np.full(200, 2.0))) == 9
