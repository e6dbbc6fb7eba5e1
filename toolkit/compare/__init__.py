"""Numbers against tolerances: runs both models on one input, measures their distance."""
