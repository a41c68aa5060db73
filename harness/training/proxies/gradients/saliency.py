"""Saliencies of one backward pass: gradient norm, SNIP, the signed sum that is called plain, and Fisher information."""

from __future__ import annotations

import torch

from harness.training.proxies.gradients.fisher import information
from harness.training.proxies.subject import Subject, gradients, layers, loss_of, norms, weights
from harness.training.proxies.taps import outputs_of


def saliency(subject: Subject) -> dict[str, float]:
    """Return grad_norm, snip, plain and fisher, of one backward pass of the loss on the first minibatch.

    Abdelfattah, Mehrotra, Dudziak & Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3, and its code:

    grad_norm : the sum over layers of the norm of a layer's gradient, not the norm of all.
    snip : the sum of ``|W * dL/dW|`` (Lee, Ajanthan & Torr, "SNIP", ICLR 2019).
    plain : the sum of ``W * dL/dW``.  A convolution that batch normalisation follows adds about 0 to it, so that only
    the classifier and shortcuts without one count.
    fisher : see `harness.training.proxies.gradients.fisher`.
    """
    module = subject.fresh()
    scored, parts = weights(module), list(layers(module))
    with outputs_of(parts) as computed:
        loss = loss_of(module, *subject.minibatch())
    answers = [answer for _, answer in computed]
    both = gradients(loss, [*scored, *answers])
    found, slopes = both[: len(scored)], both[len(scored) :]
    products = torch.cat([(weight.detach() * part).flatten() for weight, part in zip(scored, found, strict=True)])
    return {
        "grad_norm": norms(found),
        "snip": float(products.abs().sum()),
        "plain": float(products.sum()),
        "fisher": sum(
            information(part.weight, answer.detach(), slope)
            for (part, answer), slope in zip(computed, slopes, strict=True)
        ),
    }
