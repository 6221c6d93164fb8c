"""What one check of `doctor` found."""

from engine.api.answers import View


class Finding(View):
    """One check: `detail` is what was found, `fix` what to do when it is not ok (or worth knowing when it is)."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
