"""The engine: a training step, compiled from PyTorch to a tape, and the machine that runs it.

`lower` traces a model's training step and lowers it to a `Tape`; a `Machine` runs the tape,
natively or as WebAssembly. A page in the browser runs the same tape with the same WebAssembly.
"""

from liquidlib.engine.compile import loops, lower
from liquidlib.engine.machine import Machine
from liquidlib.engine.native import NoCompiler
from liquidlib.engine.tape import Tape
from liquidlib.engine.trace import Unsupported
