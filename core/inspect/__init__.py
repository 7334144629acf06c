"""Looking into a tuned model: what moved, matrices and spectra, merging, taking away."""
