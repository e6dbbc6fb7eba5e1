"""What every layer shares: the exception tree and the description of a tensor."""
