"""One's own signal in and out of a file: `.csv`, `.npy`, `.npz`, `.wav`; nothing is executed."""

import io
import re
import warnings
import wave

import numpy as np

from denoiselib import _check, _files


def load_signal(path, channel=None):
    r"""Read a signal, and its sampling rate if the file tells.

    Parameters
    ----------
    path : str or Path
        A file of one of these kinds:

        ``.csv``
            A line for each sample, a column for each channel, between them commas, semicolons or
            blanks; lines that begin with ``#`` are comments, one of which may say ``# rate: 360``.
        ``.npy``
            An array ``(length,)`` or ``(channels, length)``.
        ``.npz``
            Such an array by the name ``samples``, or the only one there is; perhaps a number
            ``rate``.
        ``.wav``
            PCM of 8, 16, 24 or 32 bits, which is scaled to -1 .. 1.
    channel : int, optional
        Which channel, from 0; needed where there are several.

    Returns
    -------
    samples : ndarray (length,)
        float64, or float32 if that is what the file holds.
    rate : float or None
        Samples a second.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `channel` is not an integer.
    ValueError
        If the file is damaged, of another kind, empty, or holds anything but finite real numbers;
        if `channel` is missing, or there is no such one. Pickled arrays are refused.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(f"{folder}/two.csv", "w") as file:
    ...         _ = file.write("# rate: 360\n0.5, 1\n0.25, 2\n")
    ...     samples, rate = load_signal(f"{folder}/two.csv", channel=0)
    >>> print(samples, rate)
    [0.5  0.25] 360.0
    """
    path = _check.path(path, "path", READERS)
    content = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a parser that wonders has met a damaged file
            samples, rate = READERS[path.suffix](content)
    except Exception as error:  # whatever a parser stumbles over, it is the file that is wrong
        raise ValueError(f"{path.name} is damaged, or no {path.suffix} file: {error}") from None
    if samples.dtype.kind not in "iuf":
        raise ValueError(f"{path.name} must hold real numbers, not {samples.dtype}")
    if samples.ndim not in (1, 2):
        raise ValueError(
            f"{path.name} must hold an array (length,) or (channels, length), not one of shape "
            f"{samples.shape}"
        )
    samples = _check.array(_chosen(np.atleast_2d(samples), channel, path.name), path.name)
    return samples.copy(), None if rate is None else _check.rate(rate, f"rate of {path.name}")


def save_signal(path, samples, rate=None, about=""):
    """Write a signal so that `load_signal` reads it; the file appears only when it is complete.

    Parameters
    ----------
    path : str or Path
        Ending in ``.csv``, ``.npy``, ``.npz`` or ``.wav``.
    samples : array_like (length,)
        The signal; in a ``.wav`` between -1 and 1, and rounded to 32 bits. The other files keep
        all digits.
    rate : float, optional
        Samples a second: a whole number in a ``.wav``, which needs one; an ``.npy`` has no place
        for it.
    about : str
        What a reader should know, in a ``.csv`` or ``.npz``.

    Raises
    ------
    TypeError, ValueError
        If the ending is another, `samples` is not one signal of finite real numbers, or the file
        cannot hold what it is given.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_signal(f"{folder}/tone.npz", np.sin(np.arange(4.0)), rate=360)
    ...     load_signal(f"{folder}/tone.npz")[1]
    360.0
    """
    path = _check.path(path, "path", READERS)
    samples = _check.array(samples, "samples")
    if samples.ndim != 1:
        raise ValueError(f"samples must have the shape (length,), not {samples.shape}")
    rate = None if rate is None else _check.rate(rate, "rate")
    if not isinstance(about, str):
        raise TypeError(f"about must be text, not {about!r}")
    content = WRITERS[path.suffix](samples, rate, about)
    with _files.replacing(path) as file:
        file.write(content)


def _chosen(samples, channel, name):
    if channel is None:
        if len(samples) != 1:
            raise ValueError(
                f"{name} holds {len(samples)} channels: choose one with channel=0 .. "
                f"{len(samples) - 1}"
            )
        return samples[0]
    return samples[_check.integer(channel, "channel", 0, len(samples) - 1)]


def _read_csv(content):
    rate, rows = None, []
    for number, line in enumerate(content.decode("utf-8-sig").splitlines(), 1):
        line = line.strip()
        if line.startswith("#"):
            said = re.match(r"#\s*rate\s*[:=]\s*(\S+)", line)
            rate = float(said[1]) if said else rate
        elif line:
            rows.append([_number(text, number) for text in re.split(r"\s*[,;\s]\s*", line)])
            if len(rows[-1]) != len(rows[0]):
                raise ValueError(
                    f"line {number} holds {len(rows[-1])} numbers, the first one {len(rows[0])}"
                )
    if not rows:
        raise ValueError("there is no number in it")
    return np.array(rows).T, rate


def _number(text, line):
    try:
        if "_" in text:  # Python would read 1_000
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError(
            f"line {line} holds {text[:20]!r}, which is no number (a heading must begin with #)"
        ) from None


def _read_npy(content):
    file = io.BytesIO(content)
    samples = np.lib.format.read_array(file, allow_pickle=False)
    if file.tell() != len(content):
        raise ValueError("there is more in it than its array")
    return samples, None


def _read_npz(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        names = [name for name in stored.files if name not in ("rate", "about")]
        if "samples" not in names and len(names) != 1:
            raise ValueError(f"which of {', '.join(names) or 'no arrays'} is the signal?")
        samples = stored["samples" if "samples" in names else names[0]]
        return samples, stored["rate"] if "rate" in stored.files else None


def _read_wav(content):
    with wave.open(io.BytesIO(content)) as file:
        channels, width, rate, frames = file.getparams()[:4]
        data = file.readframes(frames)
    if len(data) != frames * channels * width:
        raise ValueError(f"{len(data)} bytes of sound instead of {frames * channels * width}")
    data = np.frombuffer(data, np.uint8).reshape(-1, channels, width)
    if width == 1:
        return (data[..., 0].T - 128.0) / 128, rate
    whole = np.zeros((*data.shape[:2], 4), np.uint8)  # numbers of 32 bits, the last ones 0
    whole[..., 4 - width :] = data
    return whole.view("<i4")[..., 0].T / 2.0**31, rate


def _write_csv(samples, rate, about):
    lines = [f"# {line}" for line in about.splitlines()]
    lines += [] if rate is None else [f"# rate: {rate!r}"]
    return "\n".join([*lines, *map(str, samples.tolist()), ""]).encode()


def _write_npy(samples, rate, about):
    file = io.BytesIO()
    np.lib.format.write_array(file, samples, allow_pickle=False)
    return file.getvalue()


def _write_npz(samples, rate, about):
    file = io.BytesIO()
    more = ({} if rate is None else {"rate": rate}) | ({"about": about} if about else {})
    np.savez(file, samples=samples, **more)
    return file.getvalue()


def _write_wav(samples, rate, about):
    if rate is None or rate != round(rate) or rate >= 2**30:
        raise ValueError(f"rate must be a whole number in a .wav, not {rate}")
    if np.abs(samples).max() > 1:
        raise ValueError("samples must lie between -1 and 1 in a .wav")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 4, int(rate), len(samples), "NONE", ""))
        steps = np.round(samples.astype(np.float64) * 2.0**31)
        sound.writeframes(np.minimum(steps, 2.0**31 - 1).astype("<i4").tobytes())
    return file.getvalue()


READERS = {".csv": _read_csv, ".npy": _read_npy, ".npz": _read_npz, ".wav": _read_wav}
WRITERS = {".csv": _write_csv, ".npy": _write_npy, ".npz": _write_npz, ".wav": _write_wav}
