//! What a store tells of its schema.

/// One step of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStep {
    /// Its version.
    pub version: u32,
    /// What it is called.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}
