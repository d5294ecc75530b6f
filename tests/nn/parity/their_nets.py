"""The networks in PyTorch, with the names of the states they exchange with ours."""

import torch
from torch import nn
from torch.nn import functional

from denoiselib import filters

ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}
POOLS = {"max": nn.MaxPool1d, "average": nn.AvgPool1d}
NORMS = {"batch": nn.BatchNorm1d, "none": nn.Identity}


def plain_net(width, depth, kernel, norm="batch", activation="relu"):
    layers = []
    for k in range(depth - 1):
        layers += [nn.Conv1d(width if k else 1, width, kernel, padding=kernel // 2)]
        layers += [NORMS[norm](width), ACTIVATIONS[activation]()]
    net = nn.Module()
    net.layers = nn.Sequential(*layers, nn.Conv1d(width, 1, kernel, padding=kernel // 2))
    net.forward = net.layers.forward
    return net


class DoubleConv(nn.Module):
    def __init__(self, style, c_in, c_out, middle=None):
        super().__init__()
        middle = middle or c_out
        norm, activation = NORMS[style["norm"]], ACTIVATIONS[style["activation"]]
        self.double_conv = nn.Sequential(
            nn.Conv1d(c_in, middle, 3, padding=1),
            norm(middle),
            activation(),
            nn.Conv1d(middle, c_out, 3, padding=1),
            norm(c_out),
            activation(),
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, style, c_in, c_out):
        super().__init__()
        pool = POOLS[style["pool"]](2)
        self.maxpool_conv = nn.Sequential(pool, DoubleConv(style, c_in, c_out))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, style, c_in, c_out):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="linear", align_corners=True)
        self.conv = DoubleConv(style, c_in, c_out, c_in // 2)

    def forward(self, x, skip):
        x = self.up(x)
        d = skip.shape[2] - x.shape[2]
        x = functional.pad(x, [d // 2, d - d // 2])
        return self.conv(torch.cat([skip, x], dim=1))


class OutConv(nn.Module):
    def __init__(self, c_in):
        super().__init__()
        self.conv = nn.Conv1d(c_in, 1, 1)

    def forward(self, x):
        return self.conv(x)


class WienerNet(nn.Module):
    """Features of the Wiener system function: one number for each channel and tap."""

    def __init__(self, style, c):
        super().__init__()
        self.inc = DoubleConv(style, 1, c[0])
        self.down1 = Down(style, c[0], c[1])
        self.down2 = Down(style, c[1], c[2])
        self.down3 = Down(style, c[2], c[3])
        self.pool = nn.AdaptiveMaxPool1d(3)
        self.beta = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x):
        h0 = torch.from_numpy(filters.wiener_system_function(x.detach().numpy()))
        h = self.down3(self.down2(self.down1(self.inc(h0))))
        return self.pool(h).mean(dim=0)


class UNet(nn.Module):
    def __init__(self, channels, norm="batch", activation="relu", pool="max", prior=False):
        super().__init__()
        style = {"norm": norm, "activation": activation, "pool": pool}
        c = channels
        self.inc = DoubleConv(style, 1, c[0])
        self.down1 = Down(style, c[0], c[1])
        self.down2 = Down(style, c[1], c[2])
        self.down3 = Down(style, c[2], c[3])
        self.down4 = Down(style, c[3], c[4])
        self.up1 = Up(style, c[4] + c[3], c[2])
        self.up2 = Up(style, 2 * c[2], c[1])
        self.up3 = Up(style, 2 * c[1], c[0])
        self.up4 = Up(style, 2 * c[0], c[0])
        self.outc = OutConv(c[0])
        self.wienernet = WienerNet(style, c) if prior else None

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x5 = self.bottom(x4, x)
        y = self.up1(x5, x4)
        y = self.up2(y, x3)
        y = self.up3(y, x2)
        y = self.up4(y, x1)
        return self.outc(y)

    def bottom(self, x4, x):
        if self.wienernet is None:
            return self.down4(x4)
        pool, block = self.down4.maxpool_conv
        first, *rest = block.double_conv
        mask = 1 + self.wienernet.beta * self.wienernet(x)
        y = functional.conv1d(pool(x4), first.weight * mask[:, None, :], first.bias, padding=1)
        return nn.Sequential(*rest)(y)
