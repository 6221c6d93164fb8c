"""A running engine from outside: the same protocol over its control API."""

from engine.client.remote import RemoteEngine

__all__ = ["RemoteEngine"]
