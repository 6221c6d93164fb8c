"""Signs of life of a run, and what is concluded when they stay away."""
