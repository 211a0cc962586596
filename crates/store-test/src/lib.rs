//! One conformance suite that every store passes.
