"""Greets people by name, language and time of day."""

from greeter.greeting import greet

__all__ = ["greet"]
