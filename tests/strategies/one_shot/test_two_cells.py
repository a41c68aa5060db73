"""One-shot methods on pairs of DARTS cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError, UnfitError
from harness.spaces import named
from strategies.one_shot.paths import RSPS
from strategies.one_shot.presets import (
    DARTS,
    DSNAS,
    GDAS,
    PCDARTS,
    SDARTS,
    SDARTSADV,
    SNAS,
    DARTSMinus,
    DARTSPlus,
    DrNAS,
    FairDARTS,
    ReinMax,
)
from tests.harness.training.supernets.support import MICRO_DARTS, rng, search_data

SPACE = named.space("darts")


OWN = {
    PCDARTS: {"partial_channels": 2, "channel_choice": "random", "frozen_epochs": 0},
    DrNAS: {"frozen_epochs": 0},
    RSPS: {"candidates": 2},
    SDARTSADV: {"attack_steps": 1},
}
ONE_DRAW = (GDAS, DSNAS, ReinMax)
MIXTURES = (DARTS, PCDARTS, DrNAS, SNAS, SDARTS, SDARTSADV, DARTSMinus, DARTSPlus, FairDARTS)


@pytest.mark.parametrize("method", [*MIXTURES, *ONE_DRAW, RSPS])
def test_a_method_searches_both_kinds_of_cells(method):
    search = method(SPACE, search_data(recipe=MICRO_DARTS), rng(), 1, batch_size=50, **OWN.get(method, {}))
    assert search.epoch().macs > 0
    archs = search.recommend()
    assert archs.shape == (1, 22)
    assert SPACE.is_valid(archs).all()
    if method is not RSPS:
        p = search.probabilities()
        assert p.shape == (28, 8)
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
        learn = int((search.alpha.grad.abs().sum(1) > 0).sum())
        assert learn > 14 if method in ONE_DRAW else learn == 28, "every edge learns, but where draws give none"


def test_two_skips_of_the_normal_cell_stop_the_search_and_the_auxiliary_skip_is_one():
    search = DARTS(SPACE, search_data(recipe=MICRO_DARTS), rng(), 3, early_stop="skips", auxiliary_skip=1.0)
    given = []
    mixture = search.supernet.mixture
    search.supernet.mixture = lambda images, weights, *more: given.append(weights) or mixture(images, weights, *more)
    with torch.no_grad():
        search.alpha[14:, 2] = 9.0
    search.epoch()
    assert not search.finished, "skips of the reduction cell are not counted"
    assert given[0][:, 2].min() > 1 > given[0][:14, [0, 1, 3]].max()
    with torch.no_grad():
        search.alpha[:2, 2] = 9.0
    search.epoch()
    assert search.finished


def test_what_the_space_has_not_is_refused():
    with pytest.raises(HarnessError, match="'nor_conv_1x1'"):
        DARTS(SPACE, search_data(recipe=MICRO_DARTS), rng(), 1, without=["nor_conv_1x1"])
    with pytest.raises(UnfitError, match="`entangled = True` is for cells of NAS-Bench-201; the benchmark is of the"):
        DARTS(SPACE, search_data(recipe=MICRO_DARTS), rng(), 1, entangled=True)
