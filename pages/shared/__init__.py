"""What two or more pages use: the engine, run controls, live charts, token views."""
