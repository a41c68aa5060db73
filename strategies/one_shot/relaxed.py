"""Methods that relax the choice of operations: architecture parameters and weights are trained in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import Archs, FloatArray, integer
from harness.one_shot import SearchData, generator_state
from harness.space import SearchSpace
from harness.training.supernets.batches import Batch
from harness.training.supernets.costs import TRAINING_STEP
from harness.training.supernets.partial import draw_channels
from strategies.one_shot.curvature import largest_eigenvalue
from strategies.one_shot.gates import drawn_without_replacement, gates, settled
from strategies.one_shot.grid import FADINGS, LATER, RelaxedSettings
from strategies.one_shot.latency import constrained
from strategies.one_shot.samplers import SAMPLERS
from strategies.one_shot.smoothing import attacked, smoothed
from strategies.one_shot.stopping import FIRST, EigenvalueRise, Rollbacks, StableRanking
from strategies.one_shot.supernets import SupernetMethod, architecture_adam, architecture_tensors, mean_of
from strategies.one_shot.unrolled import unrolled_gradient

CURVED = 500
"""Validation items by which the curvature in the architecture parameters is measured."""


class Relaxed(SupernetMethod):
    """Architecture parameters alpha (E, K), trained with the weights they mix: a sampler and modifiers of one's own.

    An epoch is one over the training items.  Each step updates the weights on a training batch and, after
    `frozen_epochs`, alpha on a validation batch (``bilevel``), or both on the training batch.  Alpha starts at 1e-3
    times normal numbers and is trained by Adam.  Alpha of one cell is shared by all cells.

    What is recommended is the operation of the largest alpha on each edge: with none among them, and without.  Of DARTS
    cells it is the two strongest edges into each node, by the best of their operations but none, times the weight of
    the edge where edges have any (Liu et al., ICLR 2019, 2.4; Xu et al., ICLR 2020).

    Parameters
    ----------
    sampler : {"softmax", "gumbel", "hard_gumbel", "reinmax", "dirichlet", "sigmoid", "binary_gates", "score"}
        How alpha becomes weights of operations, see `strategies.one_shot.samplers`.
    temperature, last_temperature : float
        Of the samplers with a temperature, in the first and the last epoch.
    temperature_schedule : {"linear", "exponential"}
        Between them.
    gated : int
        Operations of each edge by which alpha is trained, for the sampler "binary_gates": 2 are the two paths of the
        paper, the number of all is its code.
    order : {1, 2}
        Second order differentiates through one step of the weights, see `strategies.one_shot.unrolled`.
    bilevel : bool
        Whether alpha is trained on validation items.
    alpha_first : bool
        Whether alpha is updated before the weights in each step.
    alpha_learning_rate, alpha_weight_decay, alpha_beta : float
        Of Adam; beta1, with beta2 = 0.999.
    alpha_every : int
        Steps of the weights to one of alpha.
    frozen_epochs : int
        Epochs in which weights alone are trained.
    penalty : float
        Factor of KL(Dir || Dir(1)) in the loss of alpha, for the sampler "dirichlet"; of the zero-one loss, for
        "sigmoid".
    entropy_penalty : float
        Factor of the mean entropy of the weights of an edge, in nats, in the loss of alpha.
    latency_loss : {"none", "linear", "relative", "power"}
        How expected multiply-adds enter the loss of alpha, see `strategies.one_shot.latency`: those of the drawn
        weights where they are a mixture, of the probabilities where they are one-hot.
    latency_factor, latency_power : float
    latency_target : float
        Multiply-adds of one item; 0 for those of the mean cell.
    partial_channels : int
        K: operations see 1/K of the channels.
    channel_choice : {"first", "random"}
        Which: the first, as in the authors' code of PC-DARTS, or those drawn for each edge of each cell in each step,
        as in the paper; see `harness.training.supernets.partial`.  Alpha and weights see the same in a step; subnets
        are evaluated on the first.
    entangled : bool
        Whether the 1x1 convolution of an edge is the centre of its 3x3 convolution, of DARTS cells depthwise kernels of
        3 those of 5, and both are one convolution in a mixture; see `harness.training.supernets.cells.MixedCell`.
    edge_normalisation : bool
        Whether each node's edges have weights of their own, softmax(beta).
    first_perturbation, perturbation : float
        Largest change of the mixing weights in steps of the weights, in the first and the last epoch (SmoothDARTS,
        Chen & Hsieh, ICML 2020).
    perturbed_by : {"random", "adversarial"}
        Whether the change is uniform noise, or the worst that is found in `attack_steps` steps of gradient ascent.
    attack_steps : int
    auxiliary_skip : float
        Weight of a further skip on each edge at the beginning (DARTS-, Chu et al., ICLR 2021).
    auxiliary_schedule : {"linear", "cosine"}
        Of its fall to 0.
    early_stop : {"none", "skips", "ranking", "eigenvalue", "adaptive"}
        The rules of DARTS+ and of R-DARTS, see `strategies.one_shot.stopping`.  Where "eigenvalue" ends the search,
        "adaptive" goes back to the epoch that "eigenvalue" would hand over, and goes on from there with a larger decay
        of weights, until that is at its most; no further back than the time before, and not from the last epoch.
    most_skips, stable_epochs : int
        Of the rules "skips" and "ranking".
    eigenvalue_every : int
        Epochs between measurements of the largest eigenvalue of the Hessian of the validation loss in alpha; 0 for
        none.
    decay_factor, most_weight_decay : float
        Of the rule "adaptive": what the decay of weights is multiplied by, and where it ends.
    schedule_epochs : int
        Of the rule "adaptive": epochs of all schedules, after which the search ends; the others that are given can be
        spent on epochs that are made again.  0 for as many as are given: then those made again are missing at the end.
    """

    settings: RelaxedSettings
    preset: ClassVar[Any] = RelaxedSettings()
    version = 2
    later_hyperparameters: ClassVar[Mapping[str, Any]] = LATER
    derivations: tuple[str, ...] = ("argmax", "argmax without none")

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        chosen, device = self.settings, self.batches.device
        if chosen.schedule_epochs:
            self.epochs = integer("schedule_epochs", chosen.schedule_epochs, high=epochs)
        self.sampler = SAMPLERS[chosen.sampler]()
        if type(self).derivations is Relaxed.derivations:  # else a subclass derives by itself
            self.derivations = self.choices.derivations
        drawn = rng.standard_normal((self.choices.edges, len(self.codes) + 1)).astype(np.float32) * np.float32(1e-3)
        self.alpha = torch.tensor(drawn[:, :-1], device=device).requires_grad_()
        self.beta = torch.tensor(drawn[:, -1], device=device).requires_grad_()
        self._places = torch.zeros((len(self.codes), len(self.choices.operations)), device=device)
        self._places[range(len(self.codes)), list(self.codes)] = 1
        self._gated = torch.zeros((self.choices.edges, 0), dtype=torch.int64, device=device)  # drawn in this step
        self._place = 0  # of the step in its epoch
        self._adam = architecture_adam(
            [self.alpha, self.beta] if chosen.edge_normalisation else [self.alpha],
            chosen.alpha_learning_rate,
            chosen.alpha_beta,
            chosen.alpha_weight_decay,
        )
        self.valid_loss = self.eigenvalue = self.gradient_norm = math.nan
        self.weight_decay = float(chosen.weight_decay)  # of the epoch that was made last
        self._ranking, self._rise, self._rollbacks = StableRanking(chosen.stable_epochs), EigenvalueRise(), Rollbacks()
        self._stopped = False
        self._validation: Iterator[Batch] = iter(())
        self._valid_losses: list[float] = []
        self._gradient_norms: list[float] = []

    @property
    def finished(self) -> bool:
        """Whether the rule of `early_stop` or the schedule has ended the search."""
        return self._stopped or self.done >= self.epochs

    @property
    def mixture_macs(self) -> float:
        """Multiply-adds of the mixture, per item."""
        macs = self.costs.mixture_of(self.codes) if self.kept is None else self.costs.mixture_by_edge(self.kept)
        return float(macs)

    @property
    def kept(self) -> Sequence[Sequence[int]] | None:
        """Operations that are computed on each edge, where they are not all that are searched among."""
        return None

    @classmethod
    def too_few(cls, settings: Any, epochs: int) -> str:
        """Say that alpha is never trained, where it rests for all epochs."""
        epochs = min(epochs, settings.schedule_epochs or epochs)
        if settings.frozen_epochs < epochs:
            return ""
        frozen = settings.frozen_epochs
        return (
            f"alpha rests for `frozen_epochs` = {frozen} of the epochs ({epochs}) and is never trained; its "
            "cell is that of first values: take more `supernet_epochs`, or fewer `frozen_epochs`"
        )

    @property
    def learns(self) -> bool:
        """Whether alpha is trained in this epoch."""
        return self.done >= self.settings.frozen_epochs

    def before_epoch(self) -> None:
        """Begin a new pass over the validation items."""
        self._validation = self.batches.validating(self.rng, self.settings.batch_size)
        self._valid_losses.clear()
        self._gradient_norms.clear()
        self._place = 0

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Update alpha and the weights."""
        self._place += 1
        if self.settings.channel_choice == "random":
            draw_channels(self.supernet, self.rng, self.batches.device)
        learns = self.learns and self._place % self.settings.alpha_every == 0
        if not self.settings.bilevel:
            return self._single_level(images, labels, learns=learns)
        if learns and self.settings.alpha_first:
            self._alpha_step((images, labels))
        loss, macs = self.weight_loss((images, labels))
        self.charge(macs, len(labels))
        self.update(loss)
        if learns and not self.settings.alpha_first:
            self._alpha_step((images, labels))
        return loss.item()

    def _single_level(self, images: Tensor, labels: Tensor, *, learns: bool) -> float:
        loss, macs = self.loss((images, labels), differentiable=learns)
        self.charge(macs, len(labels))
        self._adam.zero_grad(set_to_none=True)
        self.update(loss)
        if learns:
            self._descend_alpha()
        return loss.item()

    def _descend_alpha(self) -> None:
        """Take a step of Adam on alpha and beta, and note the norm of the gradient of alpha."""
        if self.alpha.grad is not None:
            self._gradient_norms.append(float(self.alpha.grad.norm()))
        self._adam.step()

    def _alpha_step(self, training: Batch) -> None:
        """Update alpha on the next validation items; the second order looks at the training batch too."""
        validation, parameters = next(self._validation), self._adam.param_groups[0]["params"]
        gradients: Sequence[Tensor]
        if self.settings.order == 1:
            loss, macs = self.loss(validation, differentiable=True, learns=False)
            self.charge(macs, len(validation[1]))
            gradients = torch.autograd.grad(loss, parameters)
        else:
            self.charge(self.mixture_macs, 3 * len(training[1]) + len(validation[1]))
            loss, gradients = unrolled_gradient(
                lambda batch: self.loss(batch, differentiable=True)[0],
                training,
                validation,
                self.parameters,
                self.velocity,
                parameters,
                rate=self.rate(),
                momentum=self.settings.momentum,
                weight_decay=self._sgd.weight_decay,
            )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        before = self.alpha.detach().clone()
        if self.sampler.gated:
            self.alpha.grad = torch.zeros_like(before).scatter(1, self._gated, gradients[0].gather(1, self._gated))
        self._descend_alpha()
        if self.sampler.gated:
            with torch.no_grad():
                self.alpha.copy_(settled(before, self.alpha, self._gated))
        self._valid_losses.append(loss.item())

    def weight_loss(self, batch: Batch) -> tuple[Tensor, float]:
        """Return the loss of a step of the weights, and its multiply-adds per item."""
        return self.loss(batch, perturbed=True)

    def loss(
        self, batch: Batch, *, differentiable: bool = False, perturbed: bool = False, learns: bool = True
    ) -> tuple[Tensor, float]:
        """Return the loss on a batch with weights of operations drawn anew, and its multiply-adds per item.

        Parameters
        ----------
        batch : (images, labels)
        differentiable : bool
            Whether in alpha too.
        perturbed : bool
            Whether noise is put on the mixing weights, where the settings have any.
        learns : bool
            Whether it is differentiable in the weights of the supernet.
        """
        chosen, alpha, beta = self.settings, self.alpha, self.beta
        if not differentiable:
            alpha, beta = alpha.detach(), beta.detach()
        if self.sampler.gated and differentiable:
            self._gated = drawn_without_replacement(alpha, min(chosen.gated, len(self.codes)), self.rng)
            kept = [[self.codes[place] for place in row] for row in self._gated.tolist()]
            full = gates(alpha, self._gated, self.rng) @ self._places
            loss = self.mixture_loss(batch, full, kept=kept, learns=learns)
            return self._regularised(loss, alpha, full), self.costs.mixture_by_edge(kept)
        full = self.mixed(self.sampler.weights(alpha, self.rng, self.temperature) @ self._places)
        if self.sampler.samples:
            arch = full.detach().argmax(1).tolist()
            loss = self.sampled_loss(batch, arch, full if differentiable else None, learns=learns)
            macs = self.costs.on_edges(arch)
        else:
            size = self._between(chosen.first_perturbation, chosen.perturbation) if perturbed else 0.0
            weights = self._perturbed(full, size, batch, beta) if size else full
            loss, macs = self.mixture_loss(batch, *self._mixture(weights, beta), learns=learns), self.mixture_macs
        return (self._regularised(loss, alpha, full) if differentiable else loss), macs

    def mixed(self, weights: Tensor) -> Tensor:
        """Return what a method makes of the weights of operations, (E, K) to (E, K): here nothing else."""
        return weights

    def _mixture(self, weights: Tensor, beta: Tensor) -> tuple[Tensor, Tensor | None, Sequence[Sequence[int]] | None]:
        """Return what a mixture is of: weights with the auxiliary skip, weights of edges, operations that are kept."""
        if self.settings.auxiliary_skip:
            further = self.settings.auxiliary_skip * FADINGS[self.settings.auxiliary_schedule](self.done / self.epochs)
            skip = functional.one_hot(torch.tensor(self.choices.skip), weights.shape[1]).to(weights)
            weights = weights + further * skip
        return weights, self._edges(beta) if self.settings.edge_normalisation else None, self.kept

    def _perturbed(self, weights: Tensor, size: float, batch: Batch, beta: Tensor) -> Tensor:
        """Return mixing weights with noise, or those that an attack finds, whose passes it charges."""
        searched = self._places.sum(0)
        if self.settings.perturbed_by == "random":
            return smoothed(weights, size, self.rng, searched)
        steps = self.settings.attack_steps
        self.charge(self.mixture_macs, len(batch[1]), TRAINING_STEP * steps + 2)
        return attacked(
            weights,
            size,
            self.rng,
            searched,
            lambda moved: self.mixture_loss(batch, *self._mixture(moved, beta), learns=False),
            steps,
        )

    def _regularised(self, loss: Tensor, alpha: Tensor, weights: Tensor) -> Tensor:
        """Return the loss of alpha: that of the items, with its cost and its penalties."""
        chosen = self.settings
        if chosen.latency_loss != "none":
            mean = self.mixed(self.sampler.probabilities(alpha) @ self._places) if self.sampler.samples else weights
            macs, target = self.costs.expected(mean), chosen.latency_target or self.costs.mean
            loss = constrained(loss, macs, chosen.latency_loss, chosen.latency_factor, chosen.latency_power, target)
        if chosen.penalty:
            loss = loss + chosen.penalty * self.sampler.penalty(alpha)
        if chosen.entropy_penalty:
            p = self.sampler.probabilities(alpha)
            loss = loss - chosen.entropy_penalty * torch.xlogy(p, p).sum(-1).mean()
        return loss

    @property
    def temperature(self) -> float:
        """The temperature of the sampler in this epoch."""
        first, last = self.settings.temperature, self.settings.last_temperature
        if self.settings.temperature_schedule == "linear":
            return self._between(first, last)
        return float(first * (last / first) ** self._between(0.0, 1.0))

    def _between(self, first: float, last: float) -> float:
        """Return a value that goes from the first epoch to the last linearly."""
        return first + (last - first) * self.done / max(self.epochs - 1, 1)

    def _edges(self, beta: Tensor) -> Tensor:
        """Return softmax(beta) over the edges that enter each node: (E,) to (E,)."""
        return torch.cat([torch.softmax(beta[list(edges)], 0) for edges in self.choices.entering])

    def after_epoch(self) -> None:
        """Note the validation loss, measure the curvature where it is due, and apply the rule of stopping."""
        chosen = self.settings
        draw_channels(self.supernet, None, self.batches.device)
        self.weight_decay = self._sgd.weight_decay
        self.valid_loss, self.gradient_norm = mean_of(self._valid_losses), mean_of(self._gradient_norms)
        self.eigenvalue = math.nan
        if chosen.eigenvalue_every and self.done % chosen.eigenvalue_every == 0:
            self.eigenvalue = self._curvature()
            self._rise.note(self.done, self.eigenvalue, self._derived())
        if self.done <= chosen.frozen_epochs:
            return
        if chosen.early_stop == "skips":
            self._stopped = self.choices.skips(self._derived()[-1]) >= chosen.most_skips
        elif chosen.early_stop == "ranking":
            learnable = [place for place, code in enumerate(self.codes) if code in self.choices.learnable]
            self._stopped = self._ranking.note(self.alpha.detach()[:, learnable].cpu().numpy())
        elif chosen.early_stop == "eigenvalue":
            self._stopped = self._rise.stops
        elif chosen.early_stop == "adaptive" and not math.isnan(self.eigenvalue):
            self._adapt()

    def _adapt(self) -> None:
        """Go back to an earlier epoch where the eigenvalue has risen too far, and raise the decay of weights there."""
        decay = self._sgd.weight_decay
        if decay >= self.settings.most_weight_decay:
            self._rollbacks.clear()
            return
        if self.done >= FIRST:
            self._rollbacks.keep(self.done, self.state())
        rises = self._rise.stops and self.done < self.epochs
        earlier = self._rollbacks.at(self._rise.earlier_epoch) if rises else None
        if earlier is None:
            return
        losses = self.train_loss, self.valid_loss
        self.restore({**earlier, "generator": generator_state(self.rng)})
        self.train_loss, self.valid_loss = losses
        self._rollbacks.keep(self.done, earlier)
        self._decay(min(decay * self.settings.decay_factor, self.settings.most_weight_decay))

    def _decay(self, rate: float) -> None:
        self._sgd = self._sgd.but(weight_decay=rate)

    def _curvature(self) -> float:
        """Return the largest eigenvalue of the Hessian of the validation loss in alpha, with its weight decay."""
        images, labels = self.batches.evaluation(items=CURVED)[0]

        def loss(alpha: Tensor) -> Tensor:
            weights = self.mixed(self.sampler.probabilities(alpha) @ self._places)
            logits = self.supernet.mixture(images, *self._mixture(weights, self.beta.detach()))
            return functional.cross_entropy(logits, labels)

        value, products = largest_eigenvalue(loss, self.alpha.detach(), self.settings.alpha_weight_decay)
        self.charge(self.mixture_macs, len(labels), TRAINING_STEP * (1 + products))
        return value

    def probabilities(self) -> FloatArray:
        """Return the mean weights of all operations as shares of their edge, 0 for those left out: (E, K) float64."""
        with torch.no_grad():
            found = self.mixed(self.sampler.probabilities(self.alpha) @ self._places)
            if not self.sampler.sums:
                found = found / found.sum(-1, keepdim=True)
        return found.double().cpu().numpy()

    def recommend(self) -> Archs:
        """Return what each of `derivations` makes of alpha: (n, L)."""
        if self.settings.early_stop == "eigenvalue" and self._stopped:
            return self._rise.earlier.astype(self.space.dtype)
        return self._derived()

    def _derived(self) -> Archs:
        edges = self._edges(self.beta.detach()).double().cpu().numpy() if self.settings.edge_normalisation else None
        return self.choices.derive(self._strengths(), edges).astype(self.space.dtype)

    def _strengths(self) -> FloatArray:
        """Return the weights of operations by which architectures are derived, below 0 for those left out: (E, K)."""
        probabilities = self.probabilities()
        left_out = [code for code in range(probabilities.shape[1]) if code not in self.codes]
        probabilities[:, left_out] = -1
        return probabilities

    def observed(self) -> Mapping[str, FloatArray]:
        """Return the losses, mean weights of operations, the curvature and the mean norm of the gradient of alpha."""
        numbers = {
            "valid_loss": np.array(self.valid_loss),
            "eigenvalue": np.array(self.eigenvalue),
            "alpha_gradient": np.array(self.gradient_norm),
        }
        if self.settings.early_stop == "adaptive":
            numbers["weight_decay"] = np.array(self.weight_decay)
        return {**super().observed(), **numbers, "probabilities": self.probabilities()}

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and architecture parameters with their optimisers."""
        named = {"alpha": self.alpha, "beta": self.beta}
        return super().tensors() | architecture_tensors(named, self._adam)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        numbers = {"stopped": np.array(self._stopped), "valid_loss": np.array(self.valid_loss)}
        if self.settings.early_stop == "adaptive":
            numbers |= {"weight_decay": np.array(self._sgd.weight_decay)} | self._rollbacks.state()
        return super().state() | numbers | self._ranking.state() | self._rise.state()

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self._stopped, self.valid_loss = bool(state["stopped"]), float(state["valid_loss"])
        self._ranking.restore(state)
        self._rise.restore(state)
        if self.settings.early_stop == "adaptive":
            self._decay(float(state["weight_decay"]))
            self._rollbacks.restore(state)
