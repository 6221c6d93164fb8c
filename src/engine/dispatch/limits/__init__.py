"""What bounds what may start: budgets, memory, places, cooldowns, the breaker and the spawn window."""
