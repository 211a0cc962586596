//! The one front door to state.
