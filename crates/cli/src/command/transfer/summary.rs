//! What a transfer did.

use std::time::Duration;

use angaros_store::transfer::{Contents, Inventory, Part};
use serde_json::{Map, Value, json};

/// What was moved, and arrived as it was.
pub(super) struct Moved {
    pub(super) inventory: Inventory,
    /// Rows that former runs had moved already.
    pub(super) resumed_rows: u64,
    /// Counts that were held against the log, and agreed with it.
    pub(super) counts: u64,
}

/// A transfer that came to its end.
pub(super) struct Summary {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) moved: Moved,
    pub(super) took: Duration,
}

/// The rows of all parts.
pub(super) fn rows(inventory: &Inventory) -> u64 {
    inventory.values().map(|contents| contents.rows).sum()
}

impl Summary {
    /// For programs. Digests are in hexadecimal, and the same on both sides.
    pub(super) fn json(&self) -> Value {
        let part = |(part, contents): (&Part, &Contents)| {
            let told = json!({ "rows": contents.rows, "digest": format!("{:032x}", contents.digest) });
            (part.to_string(), told)
        };
        let parts: Map<String, Value> = self.moved.inventory.iter().map(part).collect();
        json!({
            "from": self.from,
            "to": self.to,
            "rows": rows(&self.moved.inventory),
            "resumed_rows": self.moved.resumed_rows,
            "parts": parts,
            "counts": self.moved.counts,
            "drift": 0,
            "seconds": self.took.as_secs_f64(),
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("{} is now in {}", self.from, self.to)];
        let moved = self.moved.inventory.iter().filter(|(_, contents)| contents.rows > 0);
        lines.extend(moved.map(|(part, contents)| format!("  {:<18} {}", part.as_str(), contents.rows)));
        lines.push(format!(
            "{} rows in {:.1} s: both sides hold the same, and {} counts agree with the log.",
            rows(&self.moved.inventory),
            self.took.as_secs_f64(),
            self.moved.counts
        ));
        lines.push(
            "Serve the new one from here on; what the file held may be sent twice if both are served.".into(),
        );
        lines.join("\n")
    }
}
