"""What does a denoising network really do? Signals, limits and filters in NumPy.

Read the core in this order:

- `signals`: what a family of signals and additive noise are
- `metrics`: how far an estimate is from the truth, and how sure an average is
- `bayes`: the least error that any estimator can have
- `filters.prox`: what a penalty does to one number
- `filters.sparse`: the same over a transform, in closed form or by iteration
- `filters.wiener`: the best linear estimator, and one with local statistics
- `filters.tv`: how a piecewise constant signal is fitted exactly
- `nn.tensor`: how a tape records operations, and gives gradients
- `nn.ops.elementwise`: operations on single numbers, forward and backward
- `nn.ops.convolution`: a convolution as one matrix product
- `nn.ops.resample`: pooling and upsampling
- `nn.modules`: how layers with parameters are made of operations
- `nn.norm.batch`: batch norm, in training and at test
- `nn.unet`: the network of the slides
- `nn.optim`: how a gradient moves the parameters
- `nn.train`: the loop that trains

Everything else is built on these and is needed by none of them.
"""

__version__ = "0.1.0"
