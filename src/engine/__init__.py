"""The control plane: goals, tasks, gates and sandboxes, without any screen."""
