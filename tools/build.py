"""Build the book: run the notebooks side by side, then render the pages.

python tools/build.py            runs and renders what has changed
python tools/build.py --strict   renders every page anew and takes each warning for an error

Executed notebooks are kept in _build/cache/<key>. The key is made of all that a notebook's results
depend on besides its own code: liquidlib, the pinned packages and Python. When the key changes,
everything built before is thrown away.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CELL_SECONDS = 120


def cache_folder(root: Path = ROOT) -> Path:
    """Return the folder that holds the executed notebooks, named by the key."""
    files = [root / "requirements.txt", root / "constraints.txt"]
    files += (f for f in (root / "liquidlib").rglob("*") if f.is_file())
    key = hashlib.sha256(platform.python_version().encode())
    for file in sorted(files):
        if "__pycache__" not in file.parts:
            key.update(file.relative_to(root).as_posix().encode())
            key.update(hashlib.sha256(file.read_bytes()).digest())
    return root / "_build" / "cache" / key.hexdigest()[:16]


def find_notebooks(root: Path = ROOT) -> list[Path]:
    """Return the book's notebooks."""
    notebooks = sorted((root / "book").rglob("*.ipynb"))
    return [path for path in notebooks if ".ipynb_checkpoints" not in path.parts]


def run_notebook(path: Path) -> tuple[object, float, str]:
    """Run one notebook from top to bottom.

    Returns the executed notebook, the seconds it took, and the cell that failed with its traceback
    (empty when all went well).
    """
    import nbformat
    from jupyter_cache.executors.utils import single_nb_execution

    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    try:
        error = single_nb_execution(
            notebook,
            cwd=str(path.parent),
            timeout=CELL_SECONDS,
            allow_errors=False,
            extra_arguments=["--log-level=ERROR"],
        ).err
    except Exception as other:  # a kernel that does not start, or dies
        error = other
    failure = ""
    if error:
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        done = [number for number, cell in enumerate(code, 1) if cell.execution_count]
        failure = f"code cell {max(done, default=1)}\n{error}"
    return notebook, time.perf_counter() - start, failure


def execute(root: Path = ROOT) -> bool:
    """Run the notebooks that are not in the cache; return whether all went well."""
    import nbformat
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    folder = cache_folder(root)
    if not folder.is_dir():
        shutil.rmtree(root / "_build", ignore_errors=True)
    cache = get_cache(folder)

    missing = []
    for path in find_notebooks(root):
        try:
            cache.match_cache_notebook(nbformat.read(path, as_version=4))
        except KeyError:
            missing.append(path)

    failed = 0
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        running = {pool.submit(run_notebook, path): path for path in missing}
        for future in as_completed(running):
            path = running[future]
            notebook, seconds, failure = future.result()
            failed += bool(failure)
            print(f"{seconds:6.1f} s  {path.relative_to(root)}", flush=True)
            if failure:
                print(f"FAILED: {path.relative_to(root)}, {failure}", file=sys.stderr, flush=True)
            else:
                bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return not failed


def render(root: Path = ROOT, strict: bool = False) -> bool:
    """Render the pages with Jupyter Book; return whether it went well."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-q", root]
    if strict:
        command += ["-W", "-n", "--keep-going"]
        for name in ("html", "jupyter_execute", ".doctrees"):
            shutil.rmtree(root / "_build" / name, ignore_errors=True)
    # Warnings and errors come on stderr; stdout holds a banner.
    return subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL).returncode == 0


def main() -> int:
    """Build the book as the command line asks; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="render anew, warnings are errors")
    strict = parser.parse_args().strict
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # one thread a notebook, as many notebooks as cores
    if not execute() or not render(strict=strict):
        print("The book was not built.", file=sys.stderr)
        return 1
    print(f"The book is in {ROOT / '_build' / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
