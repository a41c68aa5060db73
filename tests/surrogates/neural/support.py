"""Networks and training by torch's own modules and optimiser, one after another: the witness of the batched code."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from surrogates.neural.networks import Stack

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def random_stack(shape, count, seed=0):
    torch.manual_seed(seed)
    flat = torch.randn(count * sum(shape.sizes)) * 0.5
    return flat, Stack.of(flat, shape, count)


def modules(job, shape):
    """Rebuild the networks of a job from its rows of parameters, as ordinary modules."""
    built = []
    for row in torch.from_numpy(job.parameters):
        first, hidden, bias, last, last_bias = torch.split(row, shape.sizes)
        sizes = [shape.inputs, *[shape.width] * shape.layers]
        linear = [nn.Linear(i, o) for i, o in pairwise(sizes)] + [nn.Linear(shape.width, 1)]
        weights = [first, *hidden.view(shape.layers - 1, shape.width**2), last]
        biases = [*bias.view(shape.layers, -1), last_bias]
        for layer, weight, offset in zip(linear, weights, biases, strict=True):
            layer.weight.data = weight.view_as(layer.weight).clone()
            layer.bias.data = offset.clone()
        activated = [part for layer in linear[:-1] for part in (layer, ACTIVATIONS[shape.activation]())]
        built.append(nn.Sequential(*activated, linear[-1]))
    return built


def train_plainly(job, shape, fitting):
    """Train one network after another with autograd and torch.optim.Adam."""
    networks = modules(job, shape)
    features = torch.from_numpy(job.features)
    for index, network in enumerate(networks):
        betas = fitting.beta1, fitting.beta2
        adam = torch.optim.Adam(network.parameters(), lr=fitting.learning_rate, betas=betas, eps=fitting.epsilon)
        target, weight = torch.from_numpy(job.targets[index]), torch.from_numpy(job.weights[index])
        for order in torch.from_numpy(job.orders[index].astype(np.int64)):
            for rows in order.split(fitting.batch_size):
                difference = network(features[rows])[:, 0] - target[rows]
                adam.zero_grad()
                (weight[rows] * (difference**2 if fitting.squared else difference.abs())).mean().backward()
                adam.step()
    return networks
