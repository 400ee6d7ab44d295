//! Signals, read from the real things or from what speaks like them.
