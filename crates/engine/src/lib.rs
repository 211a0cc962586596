//! Claims, sends, settles, promotes, reconciles.
