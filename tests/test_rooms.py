"""The package's own rules: data flow one way, and the public door holds what chapters use."""

import ast
import json
from pathlib import Path

import pytest

import liquidlib

ROOT = Path(liquidlib.__file__).parent
ROOMS = ["signals", "models", "engine", "training", "metrics", "sweeps", "plots", "widgets"]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room):
    later = set(ROOMS[ROOMS.index(room) + 1 :])
    for path in (ROOT / room).rglob("*.py"):
        for module in imported(path):
            parts = module.split(".")
            inside = parts[0] == "liquidlib" and len(parts) > 1
            assert not inside or parts[1] not in later, f"{path.name}: {module}"


def test_every_folder_is_a_room():
    folders = {p.parent.name for p in ROOT.glob("*/__init__.py")}
    assert folders == set(ROOMS)


def test_the_door_holds_what_it_names_and_everything_there_is_documented():
    for name in liquidlib.__all__:
        thing = getattr(liquidlib, name)
        if callable(thing):
            assert thing.__doc__ and len(thing.__doc__) > 20, name


def test_chapters_use_only_the_door():
    notebooks = sorted((ROOT.parent / "book").rglob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] != "code":
                continue
            source = "".join(cell["source"])
            tree = ast.parse("\n".join(x for x in source.splitlines() if x[:1] not in "%!"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("liquidlib"):
                    assert node.module == "liquidlib", f"{path.name}: {node.module}"
                    names = {alias.name for alias in node.names}
                    assert names <= set(liquidlib.__all__), f"{path.name}: {names}"
