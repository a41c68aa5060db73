"""GraSP: what taking weights away would do to the flow of gradients."""

from __future__ import annotations

import torch

from harness.training.proxies.subject import Subject, gradients, loss_of, weights


def grasp(subject: Subject) -> dict[str, float]:
    """Return grasp = sum of -W * (H g), g the gradient of the loss on the first minibatch, H its Hessian.

    Wang, Zhang & Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020, equation 8;
    with the sign of Abdelfattah et al., ICLR 2021, against that of pruning.  H g comes from a second backward pass, in
    float64: sums of both signs nearly cancel.
    """
    module = subject.fresh(torch.float64)
    items, labels = subject.minibatch()
    scored = weights(module)
    first = gradients(loss_of(module, items.double(), labels), scored, create_graph=True)
    aligned = torch.stack([(part.detach() * part).sum() for part in first]).sum()
    second = gradients(aligned, scored) if aligned.requires_grad else [torch.zeros_like(each) for each in scored]
    return {"grasp": -sum(float((weight.detach() * part).sum()) for weight, part in zip(scored, second, strict=True))}
