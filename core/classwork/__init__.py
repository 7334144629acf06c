"""What a class did, put together: guesses beside what came, runs on the plane, results to hand in."""
