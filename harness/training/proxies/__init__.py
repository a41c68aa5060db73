"""Zero-cost proxies: scores of networks at initialisation, on one minibatch or none.

>>> sorted(PROXIES)[:4]
['az_expressivity', 'az_progressivity', 'az_trainability', 'epe_nas']

============  ==========================================================================================
setting       `Setting`: batch, seeds and data set, the same for all networks, and told beside scores
subject       the network that is scored, its minibatches and random streams
taps          inputs of ReLUs and outputs of layers
no_data       parameters, multiply-adds, norms of weights, synflow, zen
gradients     grad_norm, snip, plain, grasp, fisher, zico
jacobians     jacov, epe_nas; the condition of the tangent kernel
activations   nwot, swap, linear regions; meco; the components of AZ-NAS
regression    gennas, which trains
score         `score`: the scores of architectures, over several initial weights
ranking       ranks of several scores put together over a declared pool: vote, AZ-NAS, TE-NAS
============  ==========================================================================================

A higher score is meant to be better.  A score of one network, what ranks make of several scores over a pool, and a
choice among architectures are three things; the last is a strategy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Proxy:
    """What is known of a score by its name.

    Attributes
    ----------
    measure : str
        "module:function" that computes it, from a `Subject` to scores by name; proxies of one function share its pass,
        and its seconds.
    text : str
        For people.
    """

    measure: str
    text: str


_AZ = "harness.training.proxies.activations.az_nas:az_nas"
_CODES = "harness.training.proxies.activations.codes:relu_codes"
_JACOBIAN = "harness.training.proxies.jacobians.inputs:jacobian"
_SALIENCY = "harness.training.proxies.gradients.saliency:saliency"
_SIZES = "harness.training.proxies.no_data.sizes:sizes"

PROXIES: Mapping[str, Proxy] = {
    "params": Proxy(_SIZES, "trainable parameters, in closed form"),
    "macs": Proxy(_SIZES, "multiply-adds, in closed form"),
    "l2_norm": Proxy("harness.training.proxies.no_data.sizes:l2_norm", "norms of initial weights"),
    "zen": Proxy(
        "harness.training.proxies.no_data.zen:zen", "how far features move when noise does, by batch variances"
    ),
    "grad_norm": Proxy(_SALIENCY, "norms of the loss's gradients"),
    "snip": Proxy(_SALIENCY, "absolute weights times gradients"),
    "plain": Proxy(_SALIENCY, "weights times gradients, signed"),
    "fisher": Proxy(_SALIENCY, "Fisher information of channels"),
    "zico": Proxy(
        "harness.training.proxies.gradients.zico:zico", "size over variation of gradients of two minibatches"
    ),
    "jacov": Proxy(_JACOBIAN, "how little the Jacobians of items correlate"),
    "epe_nas": Proxy(_JACOBIAN, "how little the Jacobians of items of a class correlate"),
    "ntk": Proxy("harness.training.proxies.jacobians.ntk:ntk", "-log of the condition of the tangent kernel"),
    "nwot": Proxy(_CODES, "log-determinant of the kernel of ReLU codes"),
    "swap": Proxy(_CODES, "patterns in which units are active over items"),
    "linear_regions": Proxy(
        "harness.training.proxies.activations.codes:linear_regions", "linear regions of a thin network"
    ),
    "meco": Proxy("harness.training.proxies.activations.meco:meco", "least eigenvalues of correlations of channels"),
    "az_expressivity": Proxy(_AZ, "entropy of the features of blocks"),
    "az_progressivity": Proxy(_AZ, "least rise of that entropy"),
    "az_trainability": Proxy(_AZ, "how near to 1 blocks scale gradients"),
    "gennas": Proxy(
        "harness.training.proxies.regression:gennas", "how well made-up maps are regressed after a hundred steps"
    ),
    # In float64: last, so that a network is converted once.
    "synflow": Proxy("harness.training.proxies.no_data.synflow:synflow", "log of the synaptic flow"),
    "grasp": Proxy("harness.training.proxies.gradients.grasp:grasp", "how the flow of gradients hangs on weights"),
}
"""Proxies by name."""

TRAINED = ("gennas",)
"""Those that train, and take some hundred times as long as others: measured where they are named."""
UNTRAINED = tuple(name for name in PROXIES if name not in TRAINED)
"""All others."""
SIZES = ("params", "macs")
"""Those that are counted, not measured: every initialisation has the same, and most tables have them already."""
