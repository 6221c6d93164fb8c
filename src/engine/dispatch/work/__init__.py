"""What runs leave in work trees, and its way into the goal's branch and the operator's repository."""
