"""Rules of the source that no linter of ours knows (STYLE sections 3 to 5, R115)."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
CODE = sorted(p for p in (*SRC.rglob("*.py"), *(ROOT / "bench").rglob("*.py")) if "examples" not in p.parts)
TESTS = sorted(p for p in (ROOT / "tests").rglob("*.py"))
NAMES = {path: str(path.relative_to(ROOT)) for path in (*CODE, *TESTS)}
VAGUE = ("Manager", "Handler", "Helper", "Util")

# Each file that may catch everything, and why. A handler that ends in a bare `raise` needs no leave.
BROAD_EXCEPT: dict[str, str] = {
    "src/tui/cli/edge.py": "the top of the command line: a message and an exit code",
    "src/engine/store/group.py": "a unit of work: what it raises reaches its own caller, whole",
}
# Each file that may start a task by itself, and who ends that task.
CREATE_TASK: dict[str, str] = {
    "src/engine/cancellation.py": "a part of its caller, which waits for its end whatever happens",
    "src/engine/dispatch/runs/starting.py": "a start and its answer to an asked end; both end in its finally",
    "src/engine/supervisor.py": "Crew is the owner of background tasks",
    "src/engine/store/database.py": "the writer belongs to its Database and ends in close()",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def walk(*paths: Path) -> Iterator[tuple[str, ast.AST]]:
    for path in paths:
        for node in ast.walk(tree(path)):
            yield f"{NAMES[path]}:{getattr(node, 'lineno', 0)}", node


def called(node: ast.AST) -> str:
    """The dotted name of a call; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return ast.unparse(node.func)


def test_r115_no_eval_no_exec_no_shell() -> None:
    forbidden = ("eval", "exec", "compile", "__import__", "os.system", "os.popen", "asyncio.create_subprocess_shell")
    found = [f"{where} {called(node)}" for where, node in walk(*CODE) if called(node) in forbidden]
    for where, node in walk(*CODE):
        if isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False":
            found.append(f"{where} shell={ast.unparse(node.value)}")
    assert found == []


def test_annotations_are_not_postponed() -> None:
    found = [
        where for where, node in walk(*CODE, *TESTS) if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert found == []


def _catches_all(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in caught)


def _raises_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_everything_is_caught_at_the_named_edges_only() -> None:
    found = {
        NAMES[path]: node.lineno
        for path in CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _raises_on(node)
    }
    assert found.keys() - BROAD_EXCEPT.keys() == set(), found
    assert BROAD_EXCEPT.keys() - found.keys() == set(), "these no longer need leave"


def test_no_handler_is_silent_about_everything() -> None:
    found = [
        where
        for where, node in walk(*CODE)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and isinstance(node.body[-1], ast.Pass)
    ]
    assert found == []
    suppressed = ("suppress(Exception)", "suppress(BaseException)", "contextlib.suppress(Exception)")
    assert [
        where for where, node in walk(*CODE) if isinstance(node, ast.Call) and ast.unparse(node) in suppressed
    ] == []


def test_every_task_has_an_owner() -> None:
    starts = ("asyncio.create_task", "asyncio.ensure_future", "create_task", "ensure_future")
    found = {
        NAMES[path]
        for path in CODE
        if SRC in path.parents
        for node in ast.walk(tree(path))
        if called(node) in starts or called(node).endswith("loop().create_task")
    }
    assert found - CREATE_TASK.keys() == set()
    assert CREATE_TASK.keys() - found == set(), "these no longer need leave"


def test_names_say_what_a_thing_is() -> None:
    found = [
        f"{where} {node.name}"
        for where, node in walk(*CODE)
        if isinstance(node, ast.ClassDef) and any(word in node.name for word in VAGUE)
    ]
    found += [name for name in NAMES.values() if any(word.lower() in Path(name).name for word in VAGUE)]
    assert found == []


def test_packages_hold_no_code_in_their_init() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    inits = [path for path in CODE if path.name == "__init__.py"]
    assert [where for where, node in walk(*inits) if isinstance(node, kinds)] == []


@pytest.mark.parametrize(
    ("pattern", "limit"),
    [
        ("src/**/*.py", 300),
        ("bench/**/*.py", 300),
        ("src/**/*.tcss", 250),
        ("src/engine/store/queries/*.sql", 150),
        ("src/engine/store/migrations/*.sql", 280),
        ("tests/**/*.py", 400),
    ],
)
def test_files_stay_under_their_ceiling(pattern: str, limit: int) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.glob(pattern)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > limit
    }
    assert long == {}


def test_functions_stay_under_their_ceiling() -> None:
    long = {
        f"{NAMES[path]}:{node.name}": lines
        for path in CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > 60
    }
    assert long == {}


def test_test_modules_have_names_of_their_own() -> None:
    """Folders of tests are no packages, so two modules of one name would shadow each other."""
    names = [path.name for path in TESTS if path.name not in ("conftest.py", "__init__.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
