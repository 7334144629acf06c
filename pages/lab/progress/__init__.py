"""What a learner did so far."""
