"""Files that are either written whole or not at all."""

import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np


def save_arrays(path: str | Path, meta: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and a description to a compressed npz file, atomically and without pickle.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists; its folder is made if it does not.
    meta : dict
        What JSON can hold.
    arrays : dict of array
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, meta=np.array(json.dumps(meta)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load_arrays(path: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the description and the arrays of a file that `save_arrays` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or was written by something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be a saved file, got {str(path)!r}: no such file")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"path must be a file saved by liquidlib, got {str(path)!r}") from error
    return meta, arrays
