"""Run a stored experiment: ``python -m liquidlib.sweeps seeds``."""

import argparse

import torch

from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.stored import store

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m liquidlib.sweeps", description=__doc__)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--out", help="file to write; default: the one that ships with liquidlib")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(store(options.experiment, options.out))
