"""Cut ten seconds out of an electrocardiogram, and write them to data/ecg.npz.

python data/make_ecg.py

The electrocardiogram is in the wheel of SciPy 1.11.4, which pip fetches (36 MB) into a temporary
folder: `scipy/misc/ecg.dat`, 19:35 to 24:35 of record 208 of the MIT-BIH Arrhythmia Database.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from denoiselib.real import save_signal

SHA256 = "f20ad3365fb9b7f845d0e5c48b6fe67081377ee466c3a220b7f69f35c8958baf"
START, LENGTH, RATE = 3024, 3600, 360.0  # quiet seconds, with beats of two kinds
ABOUT = """MIT-BIH Arrhythmia Database, record 208, lead MLII, 19:43.4 to 19:53.4, in mV.
Open Data Commons Attribution License v1.0.
Moody & Mark (2001), doi 10.13026/C2F305; Goldberger et al. (2000),
doi 10.1161/01.CIR.101.23.e215."""


def main():
    """Fetch, check, cut, write."""
    with tempfile.TemporaryDirectory() as folder:
        command = f"{sys.executable} -m pip download --quiet --disable-pip-version-check --no-deps"
        command += f" --only-binary=:all: --python-version 3.11 --dest {folder} scipy==1.11.4"
        subprocess.run(command.split(), check=True)
        (wheel,) = Path(folder).glob("*.whl")
        content = zipfile.ZipFile(wheel).read("scipy/misc/ecg.dat")
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise SystemExit("scipy/misc/ecg.dat is not the file it was")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        raw = file["ecg"][START : START + LENGTH].astype(np.float64)
    path = Path(__file__).with_name("ecg.npz")
    save_signal(path, ((raw - 1024) / 200).astype(np.float32), RATE, ABOUT, overwrite=True)
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
