"""What fairseq needs so that it builds and runs models of versions other than its own."""
