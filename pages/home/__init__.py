"""The first page: fine-tuning in one picture, and the way through the lessons."""
