"""What a benchmark reports: a number, its reference, its target."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """A number beside its reference, both measured in the same run on the same machine.

    `value`, `reference` and `target` are in `unit`; with `target_ratio` the target is a share of the reference instead.
    """

    name: str
    value: float
    unit: str
    reference: float
    reference_name: str
    target: float | None = None
    target_ratio: float | None = None
    smaller_is_better: bool = False

    @property
    def ratio(self) -> float:
        """Value over reference: 0.9 is nine tenths of it."""
        return self.value / self.reference if self.reference else 0.0

    @property
    def met(self) -> bool:
        """Whether every target that was given is met."""
        found = [(self.value, self.target), (self.ratio, self.target_ratio)]
        return all(
            target is None or (value <= target if self.smaller_is_better else value >= target)
            for value, target in found
        )

    def line(self) -> str:
        sign = "<=" if self.smaller_is_better else ">="
        targets = [f"{sign} {self.target:,.4g} {self.unit}"] if self.target is not None else []
        targets += [f"{sign} {self.target_ratio:g} of it"] if self.target_ratio is not None else []
        return (
            f"{self.name}: {self.value:,.4g} {self.unit}, ratio {self.ratio:.2f} to {self.reference_name} "
            f"({self.reference:,.4g} {self.unit}); target {' and '.join(targets) or 'none'}: "
            f"{'met' if self.met else 'MISSED'}"
        )


def report(*measured: Measured) -> None:
    """Print one line each and end the program: 0 when every target is met, else 1."""
    for one in measured:
        print(one.line())
    raise SystemExit(0 if all(one.met for one in measured) else 1)
