"""Numbers against tolerances: runs both models on the same input and says how far apart they are."""
