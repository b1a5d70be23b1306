"""One picture -> one network input: decoding, resizing, crops, and the spec that says which."""
