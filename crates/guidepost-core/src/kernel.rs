//! What an input means for a run.
