"""The VM's opcodes, read out of its source."""

import re
from pathlib import Path

SOURCE = Path(__file__).parent / "vm"


def _listed(group: str) -> list[str]:
    text = (SOURCE / "opcodes.h").read_text(encoding="utf-8")
    block = text.split(f"#define {group}(X)")[1].split("#define")[0]
    return re.findall(r"^\s*X\((\w+)", block, flags=re.MULTILINE)


CONTROL, UNARY, BINARY, TERNARY = map(_listed, ("CONTROL", "UNARY", "BINARY", "TERNARY"))

OPCODES = {name: i for i, name in enumerate([*CONTROL, *UNARY, *BINARY, *TERNARY])}
"""From an instruction's name to its number."""
