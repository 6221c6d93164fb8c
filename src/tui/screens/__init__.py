"""Screens: they ask the Engine protocol through workers and the bridge, and paint; they hold no I/O."""
