"""Adam on one flat buffer of parameters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """The state of Adam (Kingma & Ba, ICLR 2015, Algorithm 1) and its step.

    Parameters
    ----------
    parameters, gradients : (N,) float32
        Changed by `step`, read by it.
    beta1, beta2, epsilon : float
    weight_decay : float
        Added, times the parameters, to the gradients; or, if `decoupled`, taken off the parameters by itself, times the
        learning rate (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, Algorithm 2).
    decoupled : bool
    """

    def __init__(
        self,
        parameters: Tensor,
        gradients: Tensor,
        beta1: float,
        beta2: float,
        epsilon: float,
        *,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        self._parameters, self._gradients = [parameters], [gradients]
        self._moments = [torch.zeros_like(parameters)], [torch.zeros_like(parameters)]
        self._steps = [torch.zeros((), device=parameters.device)]
        self._betas, self._epsilon = (beta1, beta2), epsilon
        self._decay, self._decoupled = weight_decay, decoupled

    def step(self, learning_rate: float) -> None:
        """Take one step along the gradients."""
        first, second = self._moments
        beta1, beta2 = self._betas
        adam(
            self._parameters,
            self._gradients,
            first,
            second,
            [],
            self._steps,
            fused=True,
            decoupled_weight_decay=self._decoupled,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=learning_rate,
            weight_decay=self._decay,
            eps=self._epsilon,
            maximize=False,
        )
