"""Templates: goal files with variables that have a name instead of a path, those of the project before the built-in."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import Invalid, NotFound
from engine.goals.document import Scalar, Table, load_document
from engine.goals.problems import Problems
from engine.model.schedules import NAME

HERE = Path(__file__).parent
BUILT_IN = HERE / "templates"
EXAMPLE = HERE / "examples" / "any-repo" / "goal.yaml"
REPORT = "repository-report"
LARGEST = 2_000_000  # bytes


class Origin(StrEnum):
    PROJECT = "project"
    BUILT_IN = "built-in"


@dataclass(frozen=True)
class Variable:
    """`default` None: it is required. `about`: the comment beside it."""

    name: str
    default: str | None
    about: str = ""


@dataclass(frozen=True)
class Template:
    """`problem`: why it cannot be read; its other fields are then as far as they go."""

    name: str
    origin: Origin
    path: Path
    source: str = ""
    title: str = ""
    about: str = ""
    variables: tuple[Variable, ...] = ()
    problem: str = ""


def templates(folder: Path) -> list[Template]:
    """All there are, by name. `folder`: where the project keeps its own, which hide built-in ones of the same name."""
    found = {name: _read(name, origin, path) for name, origin, path in _files(folder)}
    return [found[name] for name in sorted(found)]


def template(folder: Path, name: str) -> Template:
    """The template of this name; NotFound names the others, Invalid says why it cannot be read."""
    paths = {known: (origin, path) for known, origin, path in _files(folder)}
    if name not in paths:
        raise NotFound(f"no template {name[:100]!r}", hint=f"there are {', '.join(sorted(paths))}")
    found = _read(name, *paths[name])
    if found.problem:
        raise Invalid(found.problem)
    return found


def _files(folder: Path) -> Iterator[tuple[str, Origin, Path]]:
    """(name, origin, file), the ones that count last."""
    yield REPORT, Origin.BUILT_IN, EXAMPLE
    for origin, place in ((Origin.BUILT_IN, BUILT_IN), (Origin.PROJECT, folder)):
        for path in sorted(place.glob("*.yaml")):
            if NAME.fullmatch(path.stem) is not None:
                yield path.stem, origin, path


def _read(name: str, origin: Origin, path: Path) -> Template:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            return Template(name, origin, path, problem=f"{path} is larger than {LARGEST:,} bytes")
        source = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return Template(name, origin, path, problem=f"{path} cannot be read: {error}")
    problems = Problems(str(path))
    document = load_document(source, problems)
    if not isinstance(document, Table):
        return Template(name, origin, path, source, problem=f"{path} is no goal file: it is not a mapping in YAML")
    title = document.pairs["goal"][1] if "goal" in document.pairs else None
    lines = source.splitlines()
    return Template(
        name, origin, path, source,
        title=title.text if isinstance(title, Scalar) else "",
        about=_about(lines),
        variables=tuple(_variables(document, lines)),
    )  # fmt: skip


def _variables(document: Table, lines: list[str]) -> Iterator[Variable]:
    declared = document.pairs["vars"][1] if "vars" in document.pairs else None
    for key, value in declared.pairs.values() if isinstance(declared, Table) else ():
        if isinstance(value, Scalar):
            _, mark, words = lines[key.line - 1].partition(" # ")
            yield Variable(key.text, None if value.null else value.text, words.strip() if mark else "")


def _about(lines: list[str]) -> str:
    """The comment at the head of the file, up to its first empty line."""
    words = []
    for line in lines:
        text = line.removeprefix("#").strip()
        if not line.startswith("#") or not text:
            break
        words.append(text)
    return " ".join(words)
