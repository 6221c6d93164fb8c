"""What an agent in a sandbox may do through its run's own door, one module per noun."""
