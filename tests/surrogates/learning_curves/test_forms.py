"""Parametric curves, their fits and what they say of the end."""

from __future__ import annotations

from math import e, log

import numpy as np
import pytest
from scipy.optimize import least_squares

from surrogates.learning_curves.extrapolation import ensemble, extrapolated, recency
from surrogates.learning_curves.fitting import fit_forms
from surrogates.learning_curves.forms import FORMS, MOST_PARAMETERS

KNOWN = {
    "vapor_pressure": ((-0.1, -0.2, 0.05), 2, 0.847603),
    "pow3": ((0.9, 0.5, 0.5), 10, 0.741886),
    "log_log_linear": ((0.5, 1.5), e, 0.693147),
    "hill3": ((0.9, 1, 2), 2, 0.45),
    "log_power": ((0.9, log(2), -1), 2, 0.45),
    "pow4": ((0.9, 1, 1, 1), 2, 0.566667),
    "mmf": ((0.9, 0.1, 0.5, 1), 2, 0.5),
    "exp4": ((0.9, 0.5, 0, 1), 2, 0.532121),
    "janoschek": ((0.9, 0.1, 0.5, 1), 2, 0.605696),
    "weibull": ((0.9, 0.1, 0.5, 1), 2, 0.605696),
    "ilog2": ((0.8, 0.4), 10, 0.633187),
}
EPOCHS = np.arange(1.0, 11.0)


@pytest.mark.parametrize("name", FORMS)
def test_values_at_a_point(name):
    parameters, x, value = KNOWN[name]
    assert len(parameters) == len(FORMS[name].start) <= MOST_PARAMETERS
    assert FORMS[name](np.array(parameters, dtype=float), np.array([float(x)]))[0] == pytest.approx(value, abs=5e-7)


def test_there_are_eleven_forms():
    assert set(FORMS) == set(KNOWN)
    assert len(KNOWN) == 11


def test_fits_are_as_good_as_those_of_another_library_from_the_same_start():
    """All of the simple forms; of the others, in which it is slow too, nearly all."""
    noise = np.random.default_rng(0).normal(0.0, 0.01, (8, 10))
    curves = 0.85 - np.linspace(0.3, 0.7, 8)[:, None] * EPOCHS**-0.7 + noise
    found = fit_forms([*FORMS.values()], EPOCHS, curves).squared_error
    good = np.empty(found.shape, dtype=bool)
    for index, form in enumerate(FORMS.values()):
        for row, curve in enumerate(curves):

            def residuals(p, form=form, curve=curve):
                return np.nan_to_num(form(p, EPOCHS) - curve, nan=1e3, posinf=1e3, neginf=-1e3)

            good[index, row] = found[index, row] <= 2 * least_squares(residuals, form.start, method="lm").cost * 1.1
    simple = [list(FORMS).index(name) for name in ("vapor_pressure", "pow3", "log_log_linear", "hill3", "ilog2")]
    assert good[simple].all()
    assert good.mean() > 0.85


def test_a_curve_does_not_depend_on_the_others_nor_on_the_forms_beside():
    curves = 0.9 - np.random.default_rng(1).uniform(0.2, 0.8, (6, 1)) * EPOCHS**-0.5
    forms = [*FORMS.values()]
    together = fit_forms(forms, EPOCHS, curves)
    alone = fit_forms([FORMS["pow3"]], EPOCHS, curves[2:3])
    place = [*FORMS].index("pow3")
    np.testing.assert_allclose(together.parameters[place, 2], alone.parameters[0, 0], rtol=1e-6)


def test_missing_values_weigh_nothing():
    curve = 0.9 - 0.5 * EPOCHS**-0.5
    gaps = np.concatenate([curve[:6], np.full(4, np.nan)])
    for form in (FORMS["ilog2"], FORMS["pow3"]):
        cut = fit_forms([form], EPOCHS[:6], curve[None, :6])
        padded = fit_forms([form], EPOCHS, gaps[None])
        np.testing.assert_allclose(cut.parameters, padded.parameters, rtol=1e-6)


def test_a_noiseless_curve_is_continued():
    curve = (0.9 - 0.5 * EPOCHS**-0.5)[None]
    assert extrapolated(FORMS["pow3"], EPOCHS, curve, 100.0)[0] == pytest.approx(0.85, abs=1e-6)
    mean, std = ensemble(EPOCHS, curve, 100.0)
    assert mean[0] == pytest.approx(0.85, abs=2e-3)
    assert std[0] < 0.01


def test_weights_of_late_values():
    np.testing.assert_allclose(recency(5), [1, 1.58, 2.51, 3.98, 6.31], atol=0.005)


def test_the_last_value_stands_where_no_form_says_anything():
    short = np.array([[0.2, 0.5, np.nan, np.nan]])
    assert extrapolated(FORMS["ilog2"], EPOCHS[:4], short, 10.0)[0] == 0.5  # as many parameters as values
    falling = np.array([[0.9, 0.7, 0.5, 0.3, 0.2]])
    mean, std = ensemble(EPOCHS[:5], falling, 10.0)
    assert 0.2 <= mean[0] < 0.5
    assert std[0] > 0.2
    flat = np.full((1, 5), 0.1)
    mean, std = ensemble(EPOCHS[:5], flat, 10.0)
    assert (mean[0], std[0]) == (pytest.approx(0.1), pytest.approx(0.0, abs=1e-3))
    one = np.array([[0.4]])
    mean, std = ensemble(EPOCHS[:1], one, 10.0)
    assert mean[0] == 0.4
    assert std[0] > 1.0  # nothing is known of how it goes on


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [0.0, 1e-12, 1.0, 1e6])
def test_odd_curves_give_numbers_and_no_warnings(scale):
    rng = np.random.default_rng(2)
    curves = scale * rng.normal(size=(30, 8))
    curves[0], curves[1] = 0.0, 1.0
    mean, std = ensemble(EPOCHS[:8], curves, 200.0)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std >= 0).all()
