"""The statements, each with the number that decides."""

from typing import NamedTuple


class Claim(NamedTuple):
    """A statement, and which number, of the rows with that `measure`, has to be above what."""

    text: str
    test: str
    measure: str
    column: str = "value"  #: or "share", of the signals
    above: float = 0.0


#: The statements by number.
CLAIMS = {
    1: Claim(
        "Batch norm makes training stable",
        "more trainings are stuck without it than with it, from the same seeds",
        "stuck without - with",
    ),
    2: Claim(
        "High average accuracy",
        "the network beats tuned filters on more than half of the signals",
        "RMSE below, %",
        "share",
        0.5,
    ),
    3: Claim(
        "Worse in some cases",
        "it is worse, or worse by 5 %, on more than 1 % of the signals",
        "RMSE above, %",
        "share",
        0.01,
    ),
    4: Claim(
        "Small training batches are a cause",
        "trained on as many signals, one by one, the error is larger than with batches of 64",
        "RMSE after batches of 1 above 64, %",
    ),
    5: Claim(
        "Batch norm matters in any mode, even with one sample",
        "another mode changes the output by more than 5 % of the error on most signals",
        "change / error",
        "share",
        0.5,
    ),
    6: Claim(
        "Unfixed beats fixed in most cases",
        "its error is smaller on more than half of the signals",
        "RMSE below fixed, %",
        "share",
        0.5,
    ),
    7: Claim(
        "The NumPy network equals PyTorch's",
        "stored answers of PyTorch: python -m pytest tests/nn/parity",
        "",
    ),
    8: Claim(
        "Sparse inputs help convergence",
        "the more spikes are drawn, the later, or the further from the limit, a training ends",
        "rank correlation with the draws",
    ),
    9: Claim(
        "Features differ among layers",
        "channels of one layer are more alike (absolute correlation) than those of two",
        "correlation, one layer - two",
    ),
    10: Claim(
        "Most fluctuations are removed",
        "more than half of the noise's energy is gone where the signal is 0, on most signals "
        "(beside it in the table: a constant)",
        "noise removed",
        "share",
        0.5,
    ),
    11: Claim(
        "Specific cases follow a local optimum's distribution",
        "of the variance of errors more than half is due to the training, not to the signal",
        "variance due to the training",
        above=0.5,
    ),
    12: Claim(
        "Slight differences in the input matter",
        "a small change grows on its way to the output, on most signals "
        "(beside it in the table: the limit)",
        "amplification",
        "share",
        0.5,
    ),
    13: Claim(
        "Batch norm controls outliers",
        "it lowers the mean excess kurtosis of the features by more than 0.1",
        "kurtosis before - after",
        above=0.1,
    ),
}
