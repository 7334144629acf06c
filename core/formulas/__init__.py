"""What tuning costs, by arithmetic: parameters of a model's shape, and bytes while it trains."""
