"""Signals in files: `.csv`, `.npy`, `.npz`, `.wav`; no code in a file is ever executed."""

import io
import re
import warnings
import wave

import numpy as np

from denoiselib import _check, _files

#: A number that may have a decimal comma, and has no decimal point.
DECIMAL_COMMA = r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?"


def example():
    """Return the path of the recording that comes with the repository.

    An electrocardiogram of MIT-BIH record 208, as SciPy has it: see ``data/README.md``.

    Examples
    --------
    >>> samples, rate = load_signal(example())
    >>> print(f"{len(samples) / rate:.0f} s at {rate:.0f} Hz")
    10 s at 360 Hz
    """
    return _files.data("ecg.npz")


def load_signal(path, channel=None):
    r"""Read a signal, and its sampling rate if the file holds it.

    Parameters
    ----------
    path : str or Path
        A file of one of these kinds:

        ``.csv``
            A line for each sample, a column for each channel, separated by commas, semicolons or
            blanks. A line that begins with ``#`` is a comment; ``# rate: 360`` is the rate. Decimal
            commas are read if semicolons or blanks separate the columns (``0,5; 1,5``).
        ``.npy``
            An array ``(length,)`` or ``(channels, length)``.
        ``.npz``
            Such an array named ``samples``, or a single array; and an optional ``rate``.
        ``.wav``
            PCM of 8, 16, 24 or 32 bits, scaled to -1 .. 1.
    channel : int, optional
        Number of the channel, from 0; needed if there are several.

    Returns
    -------
    samples : ndarray (length,)
        float64, or float32 if that is what the file holds.
    rate : float or None
        Samples a second.

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything but finite real numbers; if its commas may be
        separators or decimal commas. Pickled arrays are refused.

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
            warnings.simplefilter("error")  # a warning of a parser means a damaged file
            samples, rate = READERS[path.suffix](content)
    except MemoryError:  # says nothing about the file
        raise
    except Exception as error:  # parsers of damaged files raise errors of all kinds
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


def save_signal(path, samples, rate=None, about="", overwrite=False):
    """Write a signal for `load_signal`, all of it or nothing.

    Parameters
    ----------
    path : str or Path
        Ending in ``.csv``, ``.npy``, ``.npz`` or ``.wav``.
    samples : array_like (length,)
        The signal. A ``.wav`` holds values between -1 and 1, rounded to 32 bits; the other kinds
        keep all digits.
    rate : float, optional
        Samples a second. A ``.wav`` needs one, a whole number; an ``.npy`` cannot store it.
    about : str
        A note to the reader, stored in a ``.csv`` or ``.npz``.
    overwrite : bool
        Whether a file that is there already may be replaced.

    Raises
    ------
    FileExistsError
        If there is such a file, and it may not be replaced; it stays as it is.

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
    overwrite = _check.flag(overwrite, "overwrite")
    content = WRITERS[path.suffix](samples, rate, about)
    with _files.replacing(path, overwrite) as file:
        file.write(content)


def _chosen(samples, channel, name):
    last = len(samples) - 1
    if channel is None:
        if last != 0:
            raise ValueError(
                f"{name} holds {last + 1} channels: choose one with channel=0 .. {last}"
            )
        return samples[0]
    return samples[_check.integer(channel, "channel", 0, last)]


def _read_csv(content):
    rate, rows = None, []
    lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    decimal = _has_decimal_commas([line for line in lines if not line.startswith("#")])
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            if said := re.match(r"#\s*rate\s*[:=]\s*(.*?)\s*(hz)?$", line, re.IGNORECASE):
                if rate not in (None, _number(said[1], number)):
                    raise ValueError(f"line {number} says another rate than a line before")
                rate = _number(said[1], number)
        elif line:
            line = line.replace(",", ".") if decimal else line
            rows.append([_number(text, number) for text in re.split(r"\s*[,;\s]\s*", line)])
            if len(rows[-1]) != len(rows[0]):
                raise ValueError(
                    f"line {number} holds {len(rows[-1])} numbers, the first one {len(rows[0])}"
                )
    if not rows:
        raise ValueError("there is no number in it")
    return np.array(rows).T, rate


def _has_decimal_commas(lines):
    """Tell from all lines whether a comma is a decimal comma (``0,5``), not a separator."""
    if not any("," in line for line in lines):
        return False
    rows = [re.split(r"\s*;\s*|\s+", line) for line in lines if line]
    possible = all(re.fullmatch(DECIMAL_COMMA, text) for row in rows for text in row)
    if possible and max(map(len, rows)) == 1:
        raise ValueError(
            "0,5 may be one number or two: write 0.5 for one number, or a blank or semicolon "
            "between two columns"
        )
    if not possible and any(";" in line for line in lines):
        raise ValueError(
            "it holds semicolons, and commas that are not all decimal commas: use one separator, "
            "and decimal points"
        )
    return possible


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
    _files.check_claim(io.BytesIO(content), len(content))
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False), None


def _read_npz(content):
    _files.check_unpacked(io.BytesIO(content))
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        names = [name for name in stored.files if name not in ("rate", "about")]
        if "samples" not in names and len(names) != 1:
            raise ValueError(f"which of {', '.join(names) or 'no arrays'} is the signal?")
        samples, rate = (
            stored[name] if name in stored.files else None
            for name in ("samples" if "samples" in names else names[0], "rate")
        )
        if not all(isinstance(x, np.ndarray | None) for x in (samples, rate)):
            raise ValueError("it holds something else than arrays")
        return samples, rate


def _read_wav(content):
    with wave.open(io.BytesIO(content)) as file:
        channels, width, rate, frames = file.getparams()[:4]
        data = file.readframes(frames)
    if len(data) != frames * channels * width:
        raise ValueError(f"{len(data)} bytes of sound instead of {frames * channels * width}")
    data = np.frombuffer(data, np.uint8).reshape(-1, channels, width)
    if width == 1:
        return (data[..., 0].T - 128.0) / 128, rate
    whole = np.zeros((*data.shape[:2], 4), np.uint8)  # 32-bit numbers; the lowest bytes stay 0
    whole[..., 4 - width :] = data
    return whole.view("<i4")[..., 0].T / 2.0**31, rate


def _write_csv(samples, rate, about):
    lines = [f"## {line}" for line in about.splitlines()]  # with one # it might say a rate
    lines += [] if rate is None else [f"# rate: {rate!r}"]
    text = "\n".join([*lines, *map(str, samples.tolist()), ""])
    return text.encode(errors="backslashreplace")


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
