"""The teacher's wall: what a class guesses, runs and solves, for a projector."""
