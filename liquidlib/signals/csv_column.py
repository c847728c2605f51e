"""One column of numbers out of a CSV file."""

import csv
import math
from pathlib import Path

import numpy as np


def read_column(path: str | Path, column: str | None = None) -> np.ndarray:
    """Return a column of a CSV file with a header line.

    Parameters
    ----------
    path : str or Path
    column : str, optional
        Its name in the header. May be left out if the file has but one column.

    Returns
    -------
    array (N,), float64

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the column does not exist, is empty, or holds what is not a finite number.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be a CSV file, got {str(path)!r}: no such file")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        if column is None and len(header) == 1:
            column = header[0]
        if column not in header:
            raise ValueError(f"column must be one of {header} of {path.name}, got {column!r}")
        at = header.index(column)
        values = []
        for row in reader:
            if not row:
                continue
            cell = row[at] if at < len(row) else ""
            try:
                value = float(cell)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise ValueError(
                    f"column {column!r} of {path.name} must hold finite numbers, "
                    f"got {cell!r} in line {reader.line_num}"
                )
            values.append(value)
    if not values:
        raise ValueError(f"column {column!r} of {path.name} must not be empty")
    return np.array(values)
