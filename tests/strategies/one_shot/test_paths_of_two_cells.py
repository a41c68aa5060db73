"""Methods of paths on pairs of DARTS cells: fair counts, the controller, likely cells, switches, evolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.spaces import named
from harness.training.supernets.costs import EdgeCosts
from harness.training.supernets.darts import NONE, derived, edge_codes
from strategies.one_shot.controllers import ENAS
from strategies.one_shot.likelihood import SETN
from strategies.one_shot.paths import RSPS, SPOS, FairNAS
from strategies.one_shot.sparse import BayesNAS
from tests.harness.training.supernets.support import MICRO_DARTS, rng, search_data

SPACE = named.space("darts")
COSTS = EdgeCosts.of(MICRO_DARTS, (1, 1, 12), 4)
QUICK = {
    SPOS: {"population": 3, "parents": 2, "mutants": 1, "crossovers": 1, "generations": 1},
    FairNAS: {"candidates": 2, "items": 12},
    ENAS: {"updates": 1, "samples": 2, "candidates": 2, "items": 12},
    SETN: {"candidates": 2, "items": 12},
    BayesNAS: {"warm_epochs": 0},
}


def made(method, seed=0, epochs=1, **given):
    data = search_data(recipe=MICRO_DARTS)
    return method(SPACE, data, rng(seed), epochs, **{"batch_size": 50, **QUICK.get(method, {}), **given})


@pytest.mark.parametrize("method", QUICK)
def test_a_method_hands_over_a_pair_of_cells_and_continues_to_the_same_bits(method):
    search = made(method, epochs=2, **({"without": ["sep_conv_5x5"]} if method is not BayesNAS else {}))
    assert search.epoch().macs > 0
    again = made(method, seed=5, epochs=2, **({"without": ["sep_conv_5x5"]} if method is not BayesNAS else {}))
    again.restore(search.state())
    assert search.epoch().macs == again.epoch().macs
    archs, state = search.recommend(), again.state()
    assert archs.shape == (1, 22)
    assert SPACE.is_valid(archs).all()
    assert len(search.derivations) == 1
    assert all(np.array_equal(value, state[name]) for name, value in search.state().items())
    found = search.observed().get("probabilities")
    if found is not None:
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
        assert found.shape == (28, 8)
