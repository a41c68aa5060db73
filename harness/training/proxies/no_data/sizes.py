"""Sizes of a network: parameters and multiply-adds in closed form, and the norms of its initial weights."""

from __future__ import annotations

from harness.training.proxies.subject import Subject, norms, weights


def sizes(subject: Subject) -> dict[str, float]:
    """Return params and macs, in closed form, dead edges included."""
    return {"params": float(subject.cost.params), "macs": float(subject.cost.macs)}


def l2_norm(subject: Subject) -> dict[str, float]:
    """Return l2_norm, the sum of the Euclidean norms of each layer's initial weights, dead edges included.

    Abdelfattah, Mehrotra, Dudziak & Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, code.  Weights uniform in
    +-1/sqrt(fan in) have a squared norm of C_out/3 in expectation, whatever the kernel: it counts convolutions.
    """
    return {"l2_norm": norms(weights(subject.fresh()))}
