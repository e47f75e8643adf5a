//! End to end, conformance, laws and bad input.
