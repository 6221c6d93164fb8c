"""What an operator orders: of a goal, a task, a sandbox or the engine."""
