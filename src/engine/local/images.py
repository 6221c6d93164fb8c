"""The default sandbox image, built or checked without an engine."""

from engine.sandbox.image import build_image, check_image

__all__ = ["build_image", "check_image"]
