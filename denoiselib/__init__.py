"""What does a denoising network really do? Signals, limits and filters in NumPy."""

__version__ = "0.1.0"
