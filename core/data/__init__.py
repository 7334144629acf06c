"""From raw records to token ids: datasets, uploads, templates, tokenizer, label mask, splits."""
