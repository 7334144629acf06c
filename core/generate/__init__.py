"""Answering: greedy batches for scoring, sampled streams for reading, next-token probabilities."""
