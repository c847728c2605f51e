"""Run a registered experiment: ``python -m liquidlib.sweeps seeds``."""

import argparse

from liquidlib.sweeps import sweep
from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.result import stored_path

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m liquidlib.sweeps",
        description=__doc__,
        epilog="; ".join(f"{name}: {e.description}" for name, e in EXPERIMENTS.items()),
    )
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--jobs", type=int, help="worker processes; default: one a processor")
    parser.add_argument("--out", help="file to write; default: the one that ships with liquidlib")
    options = parser.parse_args()
    experiment = EXPERIMENTS[options.experiment]
    path = options.out or stored_path(options.experiment)
    sweep(options.experiment, experiment.grid, experiment.seeds, path=path, jobs=options.jobs)
    print(path)
