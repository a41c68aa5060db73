"""Methods of papers as rows of the grid of `strategies.one_shot.relaxed`: each is a choice of its values."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from strategies.one_shot.grid import RelaxedSettings
from strategies.one_shot.relaxed import Relaxed

_DARTS = RelaxedSettings(nesterov=False, weight_decay=3e-4)


class DARTS(Relaxed):
    """Differentiable architecture search, by a mixture of all operations.

    Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.  First order by default;
    ``order = 2`` is the paper's second.  The paper's rate of alpha, 3e-4, is for 20,000 steps; a table
    of few training items needs an `alpha_learning_rate` that is larger by as much as it has fewer steps.

    Departs from the paper: NAS-Bench-201 has one kind of cell, and an edge may be none.  The recommendation takes none
    where its alpha is the largest, as Dong & Yang (ICLR 2020) do; the second row has the best other operation.
    Their code, whose cells on NAS-Bench-201 are the published ones, has ``nesterov = true``, ``weight_decay = 5e-4``
    and ``alpha_first = false``.
    """

    preset: ClassVar[RelaxedSettings] = _DARTS
    paper, year = "Liu, Simonyan & Yang, ICLR", 2019


class SNAS(Relaxed):
    """Weights of operations drawn from a concrete distribution; alpha and weights are trained by one loss.

    Xie, Zheng, Liu & Lin, "SNAS: Stochastic Neural Architecture Search", ICLR 2019, without resource constraints.  The
    temperature falls from 1 to 0.03 linearly, the range of the authors' code.

    Departs from the paper as `DARTS` does.  Cells on NAS-Bench-201 that are published as those of SNAS were searched by
    the code of `DrNAS`: on two levels, at temperatures from 10 to 1, with a learning rate that ends at 0.001.
    """

    preset = replace(
        _DARTS, sampler="gumbel", bilevel=False, last_learning_rate=0.0, temperature=1.0, last_temperature=0.03
    )
    paper, year = "Xie, Zheng, Liu & Lin, ICLR", 2019


class DSNAS(Relaxed):
    """One operation drawn for each edge; alpha follows the score function, in the same step as the weights.

    Hu et al., "DSNAS: Direct Neural Architecture Search without Parameter Retraining", CVPR 2020.

    Departs from the paper as `DARTS` does; settings are those of `SNAS`, and no operations are dropped on the way.
    """

    preset = replace(SNAS.preset, sampler="score", last_temperature=1.0)
    paper, year = "Hu et al., CVPR", 2020


class GDAS(Relaxed):
    """One operation drawn for each edge, by hard Gumbel samples with straight-through gradients.

    Dong & Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019, as in their code for
    NAS-Bench-201: the temperature falls from 10 to 0.1, one draw serves all cells in a step, weights before alpha; to
    the gradient of alpha an operation that was not drawn is a constant one.  A path with none trains nothing there:
    where training items are few, ``without = ["none"]`` keeps the search from starving.
    """

    preset = RelaxedSettings(sampler="hard_gumbel", temperature=10.0, last_temperature=0.1, alpha_first=False)
    paper, year = "Dong & Yang, CVPR", 2019


class PCDARTS(Relaxed):
    """DARTS on a quarter of the channels, with weights of edges, after 15 epochs of weights alone.

    Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020.  As in the
    authors' code the first channels are taken, and shuffling moves them on; ``channel_choice = "random"`` draws them in
    each step, as in the paper.

    Departs from the paper as `DARTS` does; all edges of NAS-Bench-201 stay, so that weights of edges choose none.
    """

    version = 2
    preset = replace(
        _DARTS,
        partial_channels=4,
        edge_normalisation=True,
        frozen_epochs=15,
        batch_size=256,
        learning_rate=0.1,
        last_learning_rate=0.0,
        alpha_learning_rate=6e-4,
    )
    paper, year = "Xu et al., ICLR", 2020


class DrNAS(Relaxed):
    """Weights of operations drawn from a Dirichlet distribution, whose concentrations are trained.

    Chen, Wang, Cheng, Tang & Hsieh, "DrNAS: Dirichlet Neural Architecture Search", ICLR 2021.  Concentrations are
    elu(alpha) + 1; ``penalty`` > 0 adds the divergence from the uniform distribution to the loss of alpha.

    Departs from the paper: one stage on all channels and all operations, no progressive pruning and widening.
    Alpha rests for ten epochs, as in each stage of the authors' code; that of one stage has ``frozen_epochs = 0``.
    """

    preset = replace(_DARTS, sampler="dirichlet", frozen_epochs=10)
    paper, year = "Chen, Wang, Cheng, Tang & Hsieh, ICLR", 2021


class TangleNAS(Relaxed):
    """DrNAS with entangled weights: the 1x1 convolution of an edge is the centre of its 3x3 one, and both are one.

    In DARTS cells depthwise kernels of 3 are the centres of those of 5, whose 1x1 convolutions they share.

    Sukthanker, Krishnakumar, Safari & Hutter, "Weight-Entanglement Meets Gradient-Based Neural Architecture Search",
    AutoML 2024, as in the authors' code: kernels are summed by their weights, and what they give is not weighted any
    more after its normalisation.

    Departs from the paper: settings are those of `DrNAS`, in one stage on all channels.
    """

    preset = replace(DrNAS.preset, entangled=True)
    paper, year = "Sukthanker, Krishnakumar, Safari & Hutter, AutoML", 2024


class SDARTS(Relaxed):
    """DARTS whose weights are trained under random noise on the mixing weights: SDARTS-RS.

    Chen & Hsieh, "Stabilizing Differentiable Architecture Search via Perturbation-based Regularization", ICML 2020; the
    noise grows from 0.03 to 0.3.

    Departs from the authors' code: 0.3 is the noise of the last epoch, there of the one after it.
    """

    preset = replace(_DARTS, first_perturbation=0.03, perturbation=0.3)
    paper, year = "Chen & Hsieh, ICML", 2020


class SDARTSADV(Relaxed):
    """DARTS whose weights are trained under the worst change of the mixing weights that is found: SDARTS-ADV.

    Chen & Hsieh, "Stabilizing Differentiable Architecture Search via Perturbation-based Regularization", ICML 2020:
    seven steps of gradient ascent, within a distance that grows from 0.03 to 0.3; the step of alpha is undisturbed.
    A step of the weights costs nine times that of DARTS.

    Departs from the authors' code as `SDARTS` does, and normalisation is by batch statistics in the attack too.
    """

    preset = replace(_DARTS, first_perturbation=0.03, perturbation=0.3, perturbed_by="adversarial")
    paper, year = "Chen & Hsieh, ICML", 2020


class DARTSMinus(Relaxed):
    """DARTS with a further skip on each edge, which fades and takes the advantage from skips that are searched.

    Chu et al., "DARTS-: Robustly Stepping out of Performance Collapse Without Indicators", ICLR 2021, linear decay;
    ``auxiliary_schedule = "cosine"`` is the other of the paper.

    Departs from the paper: in reduction cells of DARTS the further skip of an edge has the layers of the searched one.
    """

    preset = replace(_DARTS, auxiliary_skip=1.0)
    paper, year = "Chu et al., ICLR", 2021


class DARTSPlus(Relaxed):
    """DARTS that stops when its cell has two skips, or more.

    Liang et al., "DARTS+: Improved Differentiable Architecture Search with Early Stopping", 2019, criterion 1, none
    excluded; ``early_stop = "ranking"`` is criterion 2.
    """

    preset = replace(_DARTS, early_stop="skips")
    paper, year = "Liang et al.", 2019


class RDARTS(Relaxed):
    """DARTS that stops when the largest eigenvalue of the Hessian in alpha rises: R-DARTS (early stopping).

    Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020, 5.1.  The eigenvalue is
    that of the whole Hessian, measured after every epoch; on NAS-Bench-201 each costs 31 gradients of 500 validation
    items.  Of DARTS cells, whose alpha has 224 entries, it is found by products of that matrix with vectors, one
    gradient each, to a thousandth (the authors' code has the whole matrix).
    """

    version = 2
    preset = replace(_DARTS, early_stop="eigenvalue", eigenvalue_every=1)
    paper, year = "Zela et al., ICLR", 2020


class AdaptiveRDARTS(Relaxed):
    """R-DARTS that goes back when the eigenvalue rises, and goes on with three times the decay of weights: DARTS-ADA.

    Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020, section 5, as in the
    authors' code: from 3e-4 by threes to 0.0243 at most, where the search goes to its end.  Epochs that are made again
    count like others, in cost and among the epochs that are given.  The paper makes its 50 all the same: set
    ``schedule_epochs = 50``, and give more.

    Departs from the authors' code: eigenvalues are forgotten back to the same epoch (there those that were gone back
    from stay in the means), and no search goes back further than before.
    """

    preset = replace(RDARTS.preset, early_stop="adaptive")
    paper, year = "Zela et al., ICLR", 2020


class FairDARTS(Relaxed):
    """Operations of an edge that do not compete: weights are logistic functions of alpha, driven to 0 or 1.

    Chu, Zhou, Zhang & Li, "Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search", ECCV 2020,
    with the zero-one loss at the factor 10.  None is left out by default: its weight has no effect, so that the
    zero-one loss alone would move it.

    Departs from the paper: the largest weight of each edge is taken, and of DARTS cells the two strongest edges into
    each node, where the paper takes all above 0.85, two a node at most.  Settings are those of `DARTS`; the authors'
    code has ``batch_size = 128``, ``learning_rate = 0.005``, ``alpha_learning_rate = 3e-3`` and ``alpha_beta = 0.9``.
    """

    preset = replace(_DARTS, sampler="sigmoid", penalty=10.0, without=("none",))
    paper, year = "Chu, Zhou, Zhang & Li, ECCV", 2020


class ReinMax(Relaxed):
    """One operation drawn for each edge, with the gradient of ReinMax.

    Liu, Dong, Liu, Yu & Gao, "Bridging Discrete and Backpropagation: Straight-Through and Beyond", NeurIPS 2023, in
    place of the estimator of `GDAS`.  The temperature is 1, the least that the estimator has.
    """

    preset = replace(GDAS.preset, sampler="reinmax", temperature=1.0, last_temperature=1.0)
    paper, year = "Liu et al., NeurIPS", 2023


class ProxylessNAS(Relaxed):
    """Binary gates: weights are trained one path at a time, alpha by two paths every fifth step, under a cost.

    Cai, Zhu & Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR 2019.  Settings
    are those of the authors' code for ImageNet: 40 epochs of paths alone, and one more without alpha, whose Adam has no
    momentum; the loss of alpha is 0.2 CE (log E / log reference)^0.3, with the mean cell as the reference;
    ``latency_loss = "linear"`` with a factor of 0.1 is CE + 0.1 (E - reference) / reference.

    Departs from the paper: E are expected multiply-adds, not measured times; no label smoothing; validation items are
    drawn without replacement; weights use training items, alpha validation items of the table.  In the warm-up paths
    are drawn by alpha at its start, which is as good as uniform.  E is over all operations, as in the paper, where the
    code has that of the two paths; alpha learns where none is the open path too, where the code skips the edge.
    One cosine leads the learning rate through all epochs; there the warm-up has one of its own, from 0.05.  Of DARTS
    cells all 28 edges have gates, and E is the expectation over any two edges into each node.
    """

    preset = RelaxedSettings(
        sampler="binary_gates",
        batch_size=256,
        last_learning_rate=0.0,
        weight_decay=4e-5,
        clip=0.0,
        alpha_first=False,
        alpha_every=5,
        alpha_learning_rate=1e-3,
        alpha_weight_decay=0.0,
        alpha_beta=0.0,
        frozen_epochs=41,
        latency_loss="relative",
        latency_factor=0.2,
        latency_power=0.3,
    )
    paper, year = "Cai, Zhu & Han, ICLR", 2019


class FBNet(Relaxed):
    """Weights of operations drawn from a concrete distribution, under a cost: alpha minimises CE times a power of it.

    Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", CVPR
    2019: the loss of alpha is 0.2 CE (log E)^0.6 with E the cost of the drawn weights; alpha rests for 10 epochs; the
    temperature falls from 5 to 5 exp(-0.045 x 89) exponentially, over 90 epochs by the paper's factor.

    Of DARTS cells E is the expectation over any two edges into each node, with operations by their weights but none.

    Departs from the paper: E are multiply-adds, not measured times; the cell of the largest alpha is handed over, where
    the paper trains some that are drawn; weights use training items, alpha validation items, not 80 and 20 %.
    """

    preset = RelaxedSettings(
        sampler="gumbel",
        temperature=5.0,
        last_temperature=0.0911,
        temperature_schedule="exponential",
        batch_size=192,
        learning_rate=0.1,
        last_learning_rate=0.0,
        weight_decay=1e-4,
        nesterov=False,
        clip=0.0,
        alpha_first=False,
        alpha_learning_rate=0.01,
        alpha_weight_decay=5e-4,
        alpha_beta=0.9,
        frozen_epochs=10,
        latency_loss="power",
        latency_factor=0.2,
        latency_power=0.6,
    )
    paper, year = "Wu et al., CVPR", 2019
