"""Where runs are carried out. An engine offers: submit a RunConfig, cancel it, ask a warm model."""
