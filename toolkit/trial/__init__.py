"""One measuring of both sides: what is compared, how far it is apart, and how much that covers."""
