"""Where a project keeps its state: `.pilothouse/` beside the goals."""

from dataclasses import dataclass
from pathlib import Path

from engine.ids import safe_name

STATE = ".pilothouse"


@dataclass(frozen=True)
class ProjectPaths:
    """Every file of one project, from its root folder."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / STATE

    @property
    def database(self) -> Path:
        return self.state / "engine.db"

    @property
    def lock(self) -> Path:
        return self.state / "engine.lock"

    @property
    def socket(self) -> Path:
        return self.state / "engine.sock"

    @property
    def api_token(self) -> Path:
        """The token that opens the TCP door of this project when no other file was named."""
        return self.state / "api.token"

    @property
    def engine_log(self) -> Path:
        return self.state / "engine.log"

    @property
    def settings(self) -> Path:
        return self.root / "pilothouse.toml"

    @property
    def templates(self) -> Path:
        """The project's own templates, the one thing in there that a person writes."""
        return self.state / "templates"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def repositories(self) -> Path:
        """One bare repository per goal with `repo:`, never mounted into a sandbox."""
        return self.state / "git"

    @property
    def work(self) -> Path:
        return self.state / "work"

    @property
    def sandboxes(self) -> Path:
        """Private scratch of the process driver, one folder per sandbox."""
        return self.state / "sandboxes"

    def run_log(self, run: str) -> Path:
        """The folder of one run's log segments."""
        return self.logs / safe_name(run)

    def run_artifacts(self, run: str) -> Path:
        """What a run left as its artefacts."""
        return self.state / "artifacts" / safe_name(run)

    def run_salvage(self, run: str) -> Path:
        """The patch of a run's work that is in no branch but its own."""
        return self.state / "salvage" / f"{safe_name(run)}.patch"

    def run_work(self, run: str) -> Path:
        """The folder mounted at /workspace for one run."""
        return self.work / safe_name(run)

    def goal_repository(self, goal: str) -> Path:
        return self.repositories / f"{safe_name(goal)}.git"

    def create(self) -> None:
        """Make the state folders, private whatever the umask."""
        for folder in (self.state, self.logs, self.repositories, self.work, self.sandboxes):
            folder.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)


def find_project(start: Path) -> Path:
    """The nearest folder upwards that holds `.pilothouse/`, else `start` itself."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / STATE).is_dir():
            return folder
    return start
