"""What tuning gained, kept and lost beside its own task: fixed prompts, asked before and after."""
