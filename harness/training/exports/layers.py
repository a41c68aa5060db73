"""Layers as torch code: texts of small classes that import torch alone, in the words of the field.

Names of submodules are those of `harness.training.networks`, so that weights go from one to the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.spaces.layers import Geometry

NEEDS = {
    "ConvBN": ("conv",),
    "ReLUConvBN": ("conv",),
    "ResNetBasicblock": ("conv", "ReLUConvBN"),
    "PoolConvBN": ("conv",),
    "FactorizedReduce": ("conv",),
    "SeparableConv": ("conv",),
    "SepConv": ("conv", "SeparableConv"),
}
"""Other layers that the text of a layer names."""


def written(names: Iterable[str], geometry: Geometry) -> list[str]:
    """Return the texts of layers and of what they need, each once, every one after those it needs."""
    wanted = set(names)
    wanted |= {needed for name in wanted for needed in NEEDS.get(name, ())}
    return [text for name, text in _texts(geometry).items() if name in wanted]


def _texts(geometry: Geometry) -> dict[str, str]:
    """Return the text of every layer, from the ground up."""
    if geometry.signal:
        kernel, stride, dilation, padding = "(1, kernel)", "(1, stride)", "(1, dilation)", "(0, kernel // 2)"
        dilated, three, one, two, odd = "(0, dilation * (kernel // 2))", "(1, 3)", "(0, 1)", "(1, 2)", ":, 1:"
        pool = "1x3"
    else:
        kernel, stride, dilation, padding = "kernel", "stride", "dilation", "kernel // 2"
        dilated, three, one, two, odd = "dilation * (kernel // 2)", "3", "1", "2", "1:, 1:"
        pool = "3x3"
    return {
        "conv": f'''\
def conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Convolution without bias, padded to keep the size at stride 1."""
    return nn.Conv2d(
        c_in,
        c_out,
        {kernel},
        stride={stride},
        padding={padding},
        bias=False,
    )
''',
        "avg_pool": f'''\
def avg_pool(stride: int = 1) -> nn.AvgPool2d:
    """Average over {pool} neighbours; padding is not counted."""
    return nn.AvgPool2d(
        {three},
        stride={stride},
        padding={one},
        count_include_pad=False,
    )
''',
        "max_pool": f'''\
def max_pool(stride: int = 1) -> nn.MaxPool2d:
    """Maximum over {pool} neighbours."""
    return nn.MaxPool2d({three}, stride={stride}, padding={one})
''',
        "ConvBN": '''\
class ConvBN(nn.Module):
    """Convolution, batch normalisation."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = conv(c_in, c_out, kernel, stride)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))
''',
        "ReLUConvBN": '''\
class ReLUConvBN(nn.Module):
    """ReLU, convolution, batch normalisation."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = conv(c_in, c_out, kernel, stride)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(torch.relu(x)))
''',
        "ResNetBasicblock": f'''\
class ResNetBasicblock(nn.Module):
    """Halve the size: two ReLU-Conv-BN beside average pool and 1x1 convolution."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.a = ReLUConvBN(c_in, c_out, 3, stride=2)
        self.b = ReLUConvBN(c_out, c_out, 3)
        self.pool = nn.AvgPool2d({two})
        self.shortcut = conv(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(self.pool(x)) + self.b(self.a(x))
''',
        "PoolConvBN": f'''\
class PoolConvBN(nn.Module):
    """Halve the size: average pool, 1x1 convolution, batch normalisation."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d({two})
        self.conv = conv(c_in, c_out, 1)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.pool(x)))
''',
        "FactorizedReduce": f'''\
class FactorizedReduce(nn.Module):
    """Halve the size: ReLU, two 1x1 convolutions of alternate positions, BN."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.even = conv(c_in, c_out // 2, 1, stride=2)
        self.odd = conv(c_in, c_out - c_out // 2, 1, stride=2)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        halves = [self.even(x), self.odd(x[:, :, {odd}])]
        return self.norm(torch.cat(halves, dim=1))
''',
        "SeparableConv": f'''\
class SeparableConv(nn.Module):
    """ReLU, depthwise and 1x1 convolution, BN; dilated, the dil_conv of DARTS."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels,
            channels,
            {kernel},
            stride={stride},
            padding={dilated},
            dilation={dilation},
            groups=channels,
            bias=False,
        )
        self.pointwise = conv(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.pointwise(self.depthwise(torch.relu(x))))
''',
        "SepConv": '''\
class SepConv(nn.Module):
    """The sep_conv of DARTS: a separable convolution twice."""

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.a = SeparableConv(channels, kernel, stride)
        self.b = SeparableConv(channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))
''',
        "Head": '''\
class Head(nn.Module):
    """BN, ReLU, mean over positions, linear classifier."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.relu(self.norm(x)).mean((2, 3)))
''',
        "Classifier": '''\
class Classifier(nn.Module):
    """Mean over positions, linear classifier."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.mean((2, 3)))
''',
    }
